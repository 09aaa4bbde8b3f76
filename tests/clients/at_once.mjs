// GET a URL many times at once; print how many were answered with 200, and the errors by code.
// `node at_once.mjs fetch|http|axios COUNT`
import http from 'node:http';
import {createRequire} from 'node:module';

const [kind, count] = [process.argv[2], Number(process.argv[3])];
const {URL: url, AWS_SESSION_TOKEN: token} = process.env;
const headers = {'X-Aws-Parameters-Secrets-Token': token};

const clients = {
  fetch: async () => {
    const answer = await fetch(url, {headers});
    await answer.text();
    return answer.status;
  },
  http: () => new Promise((resolve, reject) => {
    http.get(url, {headers}, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode));
    }).on('error', reject);
  }),
  axios: async () => (await axios.get(url, {headers})).status,
};

let axios;
if (kind === 'axios') axios = createRequire(`${process.env.NODE_MODULES}/`)('axios');

const answers = await Promise.allSettled(Array.from({length: count}, clients[kind]));
const counts = {};
for (const answer of answers) {
  const error = answer.reason;
  const name = answer.value ?? error.cause?.code ?? error.code ?? error.response?.status ?? String(error);
  counts[name] = (counts[name] ?? 0) + 1;
}
console.log(JSON.stringify(counts));
process.exit(0);
