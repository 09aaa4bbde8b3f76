// A function in JavaScript that fails in the way it is asked for.
class OrderError extends Error {
  constructor(message) {
    super(message);
    this.name = "OrderError";
  }
}

class LibraryError extends OrderError {
  toJSON() {
    return { message: this.message, name: "LibraryError", stack: this.stack };
  }
}

export const handler = async (event) => {
  switch (event.do) {
    case "handled":
      console.error(new OrderError("handled"));
      console.log("went on");
      break;
    case "raise":
      throw new OrderError("no stock");
    case "library":
      throw new LibraryError("no connection");
    case "lines":
      console.error("one\ntwo");
      break;
    case "exit":
      process.exit(3);
    case "sleep":
      await new Promise((resolve) => setTimeout(resolve, 60000));
  }
  return "done";
};
