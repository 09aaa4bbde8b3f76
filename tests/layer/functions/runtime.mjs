// A runtime in another language: answers each event with what the cache says about a parameter.
const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;
const port = process.env.PARAMETERS_SECRETS_EXTENSION_HTTP_PORT;
const parameter = `http://localhost:${port}/systemsmanager/parameters/get?name=/greeting`;
const headers = { "X-Aws-Parameters-Secrets-Token": process.env.AWS_SESSION_TOKEN };
for (;;) {
  const event = await fetch(`${api}/next`);
  const id = event.headers.get("lambda-runtime-aws-request-id");
  const answer = await (await fetch(parameter, { headers })).text();
  await fetch(`${api}/${id}/response`, { method: "POST", body: answer });
}
