export function bundleCommand(outfile: string): Promise<void>;
export function keepCode(command: string, cache: string): void;
