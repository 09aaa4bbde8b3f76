// Secrets in base64, one a line, to what Node makes of each: number, encoder and form in base64.
import buffer from "node:buffer";
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import querystring from "node:querystring";

buffer.INSPECT_MAX_BYTES = Infinity; // else 50, and a part of a secret is not recognised

const url = (change) => {
  const made = new URL("https://host/");
  change(made);
  return made.href;
};
const encoders = {
  "JSON.stringify": JSON.stringify,
  "JSON.stringify twice": (s) => JSON.stringify({ body: JSON.stringify({ s }) }),
  "JSON.stringify three times": (s) => JSON.stringify(JSON.stringify(JSON.stringify(s))),
  encodeURI: encodeURI,
  encodeURIComponent: encodeURIComponent,
  escape: escape,
  URLSearchParams: (s) => new URLSearchParams({ s }).toString(),
  "WHATWG password": (s) => url((u) => { u.password = s; }),
  "WHATWG username": (s) => url((u) => { u.username = s; }),
  "WHATWG query": (s) => url((u) => { u.searchParams.set("s", s); }),
  "querystring.escape": querystring.escape,
  "util.inspect": (s) => inspect({ s }, { breakLength: Infinity }),
  base64: (s) => Buffer.from(s).toString("base64"),
  base64url: (s) => Buffer.from(s).toString("base64url"),
  "base64 in a URL": (s) => encodeURIComponent(Buffer.from(s).toString("base64")),
  hex: (s) => Buffer.from(s).toString("hex"),
  "Buffer, util.inspect": (s) => inspect({ key: Buffer.from(s) }),
  "Buffer, JSON.stringify": (s) => JSON.stringify({ key: Buffer.from(s) }),
  "JSON in base64": (s) => Buffer.from(JSON.stringify({ s })).toString("base64"),
  "JSON in a URL": (s) => encodeURIComponent(JSON.stringify({ s })),
};

const lines = readFileSync(0, "utf8").split("\n").filter(Boolean);
const out = [];
lines.forEach((line, number) => {
  const secret = Buffer.from(line, "base64").toString("utf8");
  for (const [name, encode] of Object.entries(encoders)) {
    out.push([number, name, Buffer.from(encode(secret)).toString("base64")].join("\t"));
  }
});
console.log(out.join("\n"));
