export function bundleCommand(folder: string, options?: { plain?: boolean }): Promise<string>;
