// Reads a parameter and a secret through the extension's cache, and logs a JSON and a text line.
import { createHmac } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const port = process.env.PARAMETERS_SECRETS_EXTENSION_HTTP_PORT ?? "2773";

async function get(path, query) {
  const started = performance.now();
  const answer = await fetch(`http://localhost:${port}${path}?${new URLSearchParams(query)}`, {
    // Read here, not at the top: a sandbox restored from a snapshot has another token.
    headers: { "X-Aws-Parameters-Secrets-Token": process.env.AWS_SESSION_TOKEN },
    signal: AbortSignal.timeout(5000),
  });
  const name = Object.values(query)[0];
  if (!answer.ok) throw new Error(`${name}: ${answer.headers.get("x-amzn-errortype")}`);
  const cache = answer.headers.get("x-cache");
  return [await answer.json(), { name, cache, ms: Math.round(performance.now() - started) }];
}

// Greets and signs the greeting; {"fail": true} throws, {"sleep": 10} takes ten seconds.
export async function handler(event) {
  const [parameter, parameterGet] = await get("/systemsmanager/parameters/get", { name: "/demo/greeting" });
  const [secret, secretGet] = await get("/secretsmanager/get", { secretId: "demo/api-key" });
  const greeting = parameter.Parameter.Value;
  console.log(JSON.stringify({ level: "INFO", message: "settings read", parameter: parameterGet.cache, secret: secretGet.cache }));
  console.log("greeting with", greeting);
  await sleep((event.sleep ?? 0) * 1000);
  if (event.fail) throw new RangeError("the event asked for a failure");
  // The secret is used; neither the log nor the answer ever holds it.
  const signature = createHmac("sha256", secret.SecretString).update(greeting).digest("hex");
  return { greeting, signature, gets: [parameterGet, secretGet] };
}
