/** Columns that every row carries: whose it is, and in which cell it lives. Both default to the transaction's settings. */
export const OWNERSHIP = `
  tenant_id text not null default nullif(current_setting('bailiwick.tenant', true), '') check (tenant_id ~ '^[0-9A-Za-z]{1,32}$'),
  cell_id text not null default nullif(current_setting('bailiwick.cell', true), '') check (cell_id ~ '^[a-z][a-z0-9]{0,15}$')`;

/**
 * Forces row-level security: a row is visible to its tenant alone, and written only by its tenant in its own cell. Without
 * a tenant setting the comparison is null, so nothing is visible.
 */
export const isolate = (table: string, grants: string): string[] => [
  `alter table ${table} enable row level security`,
  `alter table ${table} force row level security`,
  `create policy tenant_isolation on ${table} to bailiwick_app
    using (tenant_id = nullif(current_setting('bailiwick.tenant', true), ''))
    with check (tenant_id = nullif(current_setting('bailiwick.tenant', true), '')
      and cell_id = nullif(current_setting('bailiwick.cell', true), ''))`,
  `grant ${grants} on ${table} to bailiwick_app`,
];

/** What the cell's operator role may read across tenants: named columns only. */
export const operatorReads = (table: string, columns: string): string[] => [
  `create policy operator_directory on ${table} for select to bailiwick_operator using (true)`,
  `grant select (${columns}) on ${table} to bailiwick_operator`,
];

/** Integers that JSON numbers hold exactly. */
export const EXACT = (column: string): string => `check (${column} between -9000000000000000 and 9000000000000000)`;
