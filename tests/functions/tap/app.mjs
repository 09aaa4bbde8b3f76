// A function that streams its answer, and may fail on the way.
import { createHash } from "node:crypto";

export const handler = awslambda.streamifyResponse(async (event, stream) => {
  const hash = createHash("sha256").update(JSON.stringify(event)).digest("hex");
  if (event.do === "raise") throw new Error("before the first byte");
  const out = event.prelude
    ? awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: "b" } })
    : stream;
  out.write(hash);
  for (let i = 0; i < (event.chunks ?? 3); i++) {
    if (!out.write(`chunk ${i} `.repeat(event.times ?? 1))) {
      await new Promise((resolve) => out.once("drain", resolve));
    }
  }
  if (event.do === "raise later") throw new Error("after the first byte");
  out.end();
  await new Promise((resolve) => out.once("finish", resolve));
});
