import type { Dialect } from "../../shared/contracts/ports/engine.ts";

/** Members of a body that are the conversation itself: what stands there is read, or the body cannot be redacted. */
export const CONVERSATION: Readonly<Record<Dialect, ReadonlySet<string>>> = {
  "openai.chat": new Set(["messages", "prediction"]),
  "openai.responses": new Set(["instructions", "input"]),
  "openai.completions": new Set(["prompt", "suffix"]),
  "openai.embeddings": new Set(["input"]),
  "anthropic.messages": new Set(["system", "messages"]),
  "oip.infer": new Set(["inputs"]),
};

/** Dialects whose input may be token ids already: text that nobody can look into without the model's tokenizer. */
export const TAKES_TOKENS: ReadonlySet<Dialect> = new Set(["openai.completions", "openai.embeddings", "oip.infer"]);

/** Members of a tensor beside its data. */
export const PLAIN_MEMBERS: Readonly<Partial<Record<Dialect, ReadonlySet<string>>>> = {
  "oip.infer": new Set(["shape"]),
};

/** Types of messages, items, parts, calls and annotations that are made of text. Any other type may hide anything. */
export const TEXT_TYPES: ReadonlySet<string> = new Set([
  // parts and blocks
  "text",
  "input_text",
  "output_text",
  "refusal",
  "summary_text",
  "reasoning_text",
  "thinking",
  "document",
  "content",
  "search_result",
  // items and calls
  "message",
  "reasoning",
  "function",
  "function_call",
  "function_call_output",
  "custom",
  "custom_tool_call",
  "custom_tool_call_output",
  "mcp_approval_request",
  "mcp_approval_response",
  "mcp_call",
  "mcp_list_tools",
  "tool_use",
  "tool_result",
  // annotations and cache marks
  "ephemeral",
  "url_citation",
  "char_location",
  "page_location",
  "content_block_location",
  "search_result_location",
]);

/** Types that are never text, wherever they stand. */
export const BINARY_TYPES: ReadonlySet<string> = new Set([
  "image",
  "image_url",
  "input_image",
  "input_audio",
  "input_file",
  "file",
  "video_url",
  "base64",
  "redacted_thinking",
]);

/** Members that hold, or point to, what cannot be read; a chosen token's bytes spell out what its text no longer says. */
export const UNREADABLE_MEMBERS: ReadonlySet<string> = new Set([
  "encrypted_content",
  "data_base64",
  "audio",
  "logprobs",
  "image_url",
  "file_id",
  "file_data",
  "file_url",
]);

/** Members that hold free data of the caller's own shape. */
export const DATA_MEMBERS: ReadonlySet<string> = new Set(["arguments", "input_schema", "parameters", "schema"]);

/** Members whose whole value is a secret: their name is what tells. Lower case, without `-` and `_`. */
const SECRET_MEMBERS: ReadonlySet<string> = new Set([
  "password",
  "passwd",
  "pwd",
  "passphrase",
  "passcode",
  "secret",
  "token",
  "apikey",
  "xapikey",
  "clientsecret",
  "accesstoken",
  "refreshtoken",
  "idtoken",
  "authtoken",
  "authorization",
  "authorizationtoken",
  "accesskey",
  "secretkey",
  "secretaccesskey",
  "privatekey",
  "credential",
  "credentials",
  "cookie",
  "setcookie",
  "connectionstring",
]);
export const isSecretMember = (name: string): boolean =>
  name.length <= 32 && SECRET_MEMBERS.has(name.replace(/[-_ ]/g, "").toLowerCase());
