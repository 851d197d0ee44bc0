// Signs what is on standard input as GitHub and Stripe do, with the libraries that they publish for it.
//
// Made `signed.json`:
//   npm install --prefix PACKAGES @octokit/webhooks-methods@6.0.0 stripe@23.1.0
//   SIGNALBOX_NODE_PACKAGES=PACKAGES node sign.mjs < unsigned.json > signed.json

import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const folder = resolve(process.env.SIGNALBOX_NODE_PACKAGES ?? ".", "node_modules");
const load = (path) => import(pathToFileURL(resolve(folder, path)).href);

if (!existsSync(resolve(folder, "@octokit/webhooks-methods")) || !existsSync(resolve(folder, "stripe"))) {
  console.error(`there is no @octokit/webhooks-methods and stripe in ${folder}`);
  process.exit(3);
}

const { sign } = await load("@octokit/webhooks-methods/dist-node/index.js");
const { default: Stripe } = await load("stripe/esm/stripe.esm.node.js");
const { webhooks } = new Stripe("sk_test_unused");

const signers = {
  github: ({ secret, body }) => sign(secret, body),
  stripe: ({ secret, body, timestamp }) =>
    webhooks.generateTestHeaderString({ payload: body, secret, timestamp }),
};

const signed = [];
for (const request of JSON.parse(readFileSync(0, "utf8"))) {
  signed.push({ ...request, signature: await signers[request.scheme](request) });
}
console.log(JSON.stringify(signed, null, 2));
