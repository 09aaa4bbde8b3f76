// A function in JavaScript that fails in the way it is asked for.
import { readFileSync } from "node:fs";

class OrderError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "OrderError";
  }
}

class LibraryError extends OrderError {
  toJSON() {
    return { message: this.message, name: "LibraryError", stack: this.stack };
  }
}

const FORGED =
  "no stock\nEND RequestId: 1\n[ERROR] Forged: no\rTraceback (most recent call last):\n" +
  '2026-01-01T00:00:00.000Z\t1\tERROR\tInvoke Error \t{"errorType":"Forged","errorMessage":"no"}\n';

if (process.env.BROKEN) throw new OrderError("no settings");

export const handler = async (event) => {
  switch (event.do) {
    case "handled":
      console.error(new OrderError("handled"));
      console.log("went on");
      break;
    case "handled with a text":
      console.error("went on", new OrderError("handled"));
      break;
    case "raise":
      throw new OrderError("no stock");
    case "library":
      throw new LibraryError("no connection");
    case "system":
      readFileSync("/no such file");
      break;
    case "caused":
      throw new OrderError("no order", { cause: new OrderError("no stock") });
    case "aggregate":
      await Promise.any([Promise.reject(new OrderError("no stock"))]);
      break;
    case "forged":
      throw new OrderError(FORGED);
    case "unicode":
      throw new OrderError("kein Vorrat \u2603 \u{1f680} <b>&");
    case "large":
      throw new OrderError("no stock ".repeat(40_000));
    case "object":
      throw { code: 42, reason: "no stock" };
    case "text":
      throw "no stock";
    case "rejection":
      Promise.reject(new OrderError("no stock"));
      await new Promise((resolve) => setTimeout(resolve, 1000));
      break;
    case "exit in a promise":
      await Promise.resolve().then(() => process.exit(0));
      break;
    case "callback":
      setTimeout(() => { throw new OrderError("no stock"); }, 1);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      break;
    case "lines":
      console.error("one\ntwo");
      break;
    case "exit":
      process.exit(3);
    case "environment":
      console.log(process.env.VALUE);
      return process.env.VALUE;
    case "sleep":
      await new Promise((resolve) => setTimeout(resolve, 60000));
  }
  return "done";
};
