// Reads the corpus with a JavaScript parser and writes one verdict a line: `parsers.mjs busboy|fastify-busboy|undici`.
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import Busboy from "busboy";
import FastifyBusboy from "@fastify/busboy";
import { Response } from "undici";

const PATIENCE = 5_000;

const fileOf = (field, filename, type, content) => ({
  field,
  filename: filename ?? "",
  type: type || null,
  size: content.length,
  sha256: createHash("sha256").update(content).digest("hex"),
});

function collect(parser, body, takeFile) {
  return new Promise((resolve, reject) => {
    const fields = [];
    const files = [];
    const timer = setTimeout(() => reject(new Error("it hangs")), PATIENCE);
    const settle = (what, value) => { clearTimeout(timer); what(value); };
    parser.on("field", (name, value) => fields.push([name, value]));
    parser.on("file", (...found) => {
      const [stream, make] = takeFile(...found);
      const at = files.push(null) - 1;
      const chunks = [];
      stream.on("data", (chunk) => chunks.push(chunk));
      stream.on("error", (error) => settle(reject, error));
      stream.on("end", () => { files[at] = make(Buffer.concat(chunks)); });
    });
    parser.on("error", (error) => settle(reject, error));
    parser.on(parser instanceof FastifyBusboy ? "finish" : "close", () => setImmediate(() => settle(resolve, { fields, files })));
    parser.end(body);
  });
}

const parsers = {
  busboy(headers, body) {
    const parser = Busboy({ headers, defParamCharset: "utf8", preservePath: true });
    return collect(parser, body, (name, stream, info) => [stream, (content) => fileOf(name, info.filename, info.mimeType, content)]);
  },
  "fastify-busboy"(headers, body) {
    const parser = new FastifyBusboy({ headers, defCharset: "utf8", preservePath: true, isPartAFile: (_, type, filename) => filename !== undefined });
    return collect(parser, body, (name, stream, filename, _, type) => [stream, (content) => fileOf(name, filename, type, content)]);
  },
  async undici(headers, body) {
    const form = await new Response(body, { headers }).formData();
    const fields = [];
    const files = [];
    for (const [name, value] of form) {
      if (typeof value === "string") fields.push([name, value]);
      else files.push(fileOf(name, value.name, value.type, Buffer.from(await value.arrayBuffer())));
    }
    return { fields, files };
  },
};

const parse = parsers[process.argv[2]];
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const { id, content_type: type, body } = JSON.parse(line);
  let verdict;
  try {
    verdict = { id, ok: true, ...(await parse({ "content-type": type }, Buffer.from(body, "base64"))) };
    if (verdict.files.includes(null)) throw new Error("a file without an end");
  } catch (error) {
    verdict = { id, ok: false, error: String(error).slice(0, 200) };
  }
  process.stdout.write(JSON.stringify(verdict) + "\n");
}
