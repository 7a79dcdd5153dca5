export interface Server {
  readonly name: string;
  readonly needs: readonly string[];
}
export interface Compared {
  readonly name: string;
  readonly same: boolean;
  readonly bare: unknown;
  readonly held: unknown;
}
export function lacking(server: Server): readonly string[];
export function compareServer(server: Server): Promise<readonly Compared[]>;
