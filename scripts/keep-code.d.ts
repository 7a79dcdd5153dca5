export function keepCode(command: string): void;
