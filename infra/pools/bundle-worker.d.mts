export function bundleWorker(folder: string): Promise<void>;
