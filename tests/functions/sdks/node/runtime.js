// The Runtime API in a few lines: AWS's own client takes minutes to build, and its SDK is none the wiser.
const http = require("node:http");
const path = require("node:path");

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true });

function call(method, what, body, headers) {
  return new Promise((resolve, reject) => {
    const url = `/2018-06-01/runtime/${what}`;
    const request = http.request({ host, port, agent, method, path: url, headers }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ headers: answer.headers, body: Buffer.concat(parts) }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function serve() {
  const [file, name] = process.env._HANDLER.split(".");
  const handlers = require(path.resolve(process.env.LAMBDA_TASK_ROOT, file));
  for (;;) {
    const { headers, body } = await call("GET", "invocation/next");
    const id = headers["lambda-runtime-aws-request-id"];
    process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"] ?? "";
    const context = {
      awsRequestId: id,
      functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
      invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    };
    try {
      const answer = await handlers[name](JSON.parse(body), context, () => {});
      await call("POST", `invocation/${id}/response`, JSON.stringify(answer));
    } catch (error) {
      const problem = { errorType: error.name, errorMessage: error.message };
      const kind = { "Lambda-Runtime-Function-Error-Type": error.name };
      await call("POST", `invocation/${id}/error`, JSON.stringify(problem), kind);
    }
  }
}

serve();
