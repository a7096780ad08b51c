/**
 * Who made each key (`KeyRecord.made_by`), and for keys that are there already what the ledger says: the subject of each
 * entry that created the key or one that it comes from, by the credential of that entry or by rotation.
 */
export const KEY_MAKERS_SCHEMA: readonly string[] = [
  "ALTER TABLE api_key ADD COLUMN created_by TEXT NOT NULL DEFAULT ''",
  "ALTER TABLE api_key ADD COLUMN created_with TEXT NOT NULL DEFAULT ''",
  "ALTER TABLE api_key ADD COLUMN made_by TEXT NOT NULL DEFAULT '[]'",
  `UPDATE api_key SET
     created_by = coalesce((SELECT json_extract(body, '$.subject') FROM ledger WHERE seq = created_seq), ''),
     created_with = coalesce((SELECT json_extract(body, '$.credential') FROM ledger WHERE seq = created_seq), '')`,
  `UPDATE api_key SET made_by = (
     WITH RECURSIVE origin(kid) AS (
       VALUES (api_key.kid)
       UNION
       SELECT parent.kid FROM origin
         JOIN api_key AS child ON child.kid = origin.kid
         JOIN api_key AS parent ON parent.kid = substr(child.created_with, 5) OR parent.rotated_to = child.kid
     )
     SELECT json_group_array(DISTINCT maker.created_by) FROM origin JOIN api_key AS maker ON maker.kid = origin.kid
       WHERE maker.created_by <> '')`,
];
