/** `BAILIWICK_EDGES`; null where it is no number of edges. */
export function edgesWanted(env: Record<string, string | undefined>): number | null;

/** What the cell has to be told so that edges of the same machine can stand beside it. */
export function besideEdges(
  env: Record<string, string | undefined>,
): Promise<{ BAILIWICK_PORT_SHARED: string; BAILIWICK_OBJECTS_LISTEN: string }>;

export interface EdgesOptions {
  count: number;
  /** The cell's own, with what `besideEdges` said. */
  env: Record<string, string | undefined>;
  home: string;
  /** Where the cell answers. */
  endpoint: string;
  print: (line: string) => void;
}

export interface Edges {
  /** Drains and ends them; resolves when they are gone. */
  stop(): Promise<void>;
}

/** Runs edges that serve the cell's own address beside it, each started again when it ends. */
export function startEdges(options: EdgesOptions): Edges;
