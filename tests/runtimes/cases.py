"""What the runtimes write when a function fails, and when it does not: small lines, as they come.

Each case is one invocation. The forms are those of the runtimes' own open-source clients; texts and
stack traces are shortened.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from extension.telemetry.reading.native_errors import PANIC_TRAILER

Seen = Literal["seen", "last line", "misread", "platform", "not seen", "no failure"]
"""How a failure is known: by a mark; by its shape, if it is the last line, which a handled
error may have too; by the platform's word alone; not at all."""

REQUEST = "8286a188-ba32-4475-8077-530cd35c09a9"
TIME = "2026-01-01T12:00:01.500Z"
AWS_JSON = {"timestamp": TIME, "level": "ERROR", "requestId": REQUEST}


class Case(NamedTuple):
    """One invocation: what it writes, what the platform says of it, and what is right."""

    runtime: str
    what: str
    lines: Sequence[Any]
    seen: Seen
    error_type: str = ""
    message: str = ""
    log_format: str = "text"
    status: str = "success"
    platform_error: str = ""
    during: str = "invocation"
    """What the lines were written in; an init that fails ends its process, and is repeated."""

    @property
    def name(self) -> str:
        """Say which case it is."""
        return f"{self.runtime}, {self.log_format}: {self.what}"


RAISED = "an exception leaves the handler"
HANDLED = "logs a handled error and goes on"
LAST = "logs a handled error as its last line"
EXIT = "the process exits"
TIMEOUT = "times out"
LINES = "logs a message of several lines"
NO_MODULE = "the module of the handler cannot be loaded"
NO_HANDLER = "there is no such handler"
BROKEN = "an exception outside of the handler, as the function starts"
MEMORY = "the process dies of memory"
RETURNED = "the handler returns an error"
PANIC = "the handler panics"
THROWN_ELSEWHERE = "a goroutine panics"
LIBRARY_OWN = "an error of a library leaves the handler"
LIBRARY = "an error of a library that writes itself as JSON leaves the handler"


def node(mark: str, text: str) -> str:
    """Return a line of Node's console."""
    return f"{TIME}\t{REQUEST}\tERROR\t{mark}{text}\n"


NODE_ERROR = {
    "errorType": "OrderError",
    "errorMessage": "no stock",
    "stackTrace": ["OrderError: no"],
}
NODE_TEXT = json.dumps({"errorType": "OrderError", "errorMessage": "no stock", "stack": ["a"]})
AXIOS = {"message": "connect ECONNREFUSED", "name": "AxiosError", "stack": "AxiosError: connect"}
GRAPHQL = {"message": "Syntax Error"}
WENT_ON = {**AWS_JSON, "level": "INFO", "message": "retried"}

PYTHON_STACK = "Traceback (most recent call last):\r\u00a0\u00a0File a.py, line 1, in handler"
PYTHON_JSON = {
    **AWS_JSON, "errorMessage": "no stock", "errorType": "OrderError", "stackTrace": ["  a\n"],
}  # fmt: skip

JAVA = "no stock: shop.OrderException\nshop.OrderException: no stock\n\tat shop.H.f(H.java:1)\n\n"
JAVA_LINES = [f"{line}\n" for line in JAVA.strip().split("\n")]
JAVA_SUPPRESSED = [
    *JAVA_LINES, "\tSuppressed: shop.CloseException: no\n", "\t\tat shop.H.close(H.java:2)\n",
    "\t\t... 3 more\n", "\tCaused by: java.io.IOException: no\n", "\t\tat shop.H.g(H.java:3)\n",
    "\t\t... 4 more\n", "Caused by: java.io.IOException: full\n", "\t... 5 more\n",
]  # fmt: skip
JAVA_CAUSED = [
    *JAVA_LINES, "Caused by: org.postgresql.util.PSQLException: ERROR: duplicate key\n",
    "  Detail: Key (id)=(1) already exists.\n", "\tat shop.H.g(H.java:3)\n", "\t... 5 more\n",
]  # fmt: skip
JAVA_IO = (
    "x: /no: java.io.UncheckedIOException\njava.io.UncheckedIOException: x: /no\n"
    "\tat shop.H.f(H.java:1)\nCaused by: x: /no\n\t... 2 more\n\n"
)
FORGED = "no: shop.Forged\nshop.Forged: no\n\tat shop.H.f(H.java:1)\n"
JAVA_FORGED = (
    f"{FORGED}: shop.OrderException\nshop.OrderException: {FORGED}\n\tat shop.H.f(H.java:1)\n\n"
)
JAVA_PRINTED = ["went on: shop.OrderException\n", "shop.OrderException\n", "\tat shop.H.f(H)\n"]
PYTHON_LIBRARY = "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"

RUBY = json.dumps(
    {"errorMessage": "no stock", "errorType": "Function<OrderError>", "stackTrace": ["app.rb:1"]},
    indent=2,
)
RUBY_HANDLED = {
    **AWS_JSON, "message": "no stock", "errorType": "OrderError", "errorMessage": "no stock",
    "stackTrace": ["app.rb:1"], "location": "app.rb:handler:1",
}  # fmt: skip
RUBY_INIT = json.dumps(
    {"errorMessage": "no such file -- shop", "errorType": "Init<LoadError>", "stackTrace": ["a:1"]},
    indent=2,
)
DOTNET_NESTED = (
    "System.AggregateException: One or more errors occurred. (no stock)\n"
    " ---> Shop.OrderException: no stock\n   at Shop.Function.Handler() in /src/F.cs:line 9"
)
DOTNET = "Shop.OrderException: no stock\n   at Shop.Function.Handler() in /src/F.cs:line 9"

GO = '2026/01/01 12:00:01 {"errorMessage":"no stock","errorType":"OrderError"%s}\n'
GO_STACK = ',"stackTrace":[{"path":"main.go","line":9,"label":"handle"}]'
GO_LIBRARY = GO.replace("no stock", "open /no: no such file").replace("OrderError", "PathError")
GOROUTINE = ["\n", "goroutine 5 [running]:\n", "main.handle.func1()\n", "\t/main.go:60 +0x25\n"]
GO_CRASH = ["panic: no stock\n", *GOROUTINE]
GO_TRAILER = f"2026/01/01 12:00:01 {PANIC_TRAILER}\n"


def rust(text: str) -> str:
    """Return a line of Rust's tracing inside the runtime's span."""
    return f'ERROR Lambda runtime invoke{{requestId="{REQUEST}" xrayTraceId="Root=1-a"}}: {text}\n'


def rust_json(**fields: str) -> dict[str, Any]:
    """Return the same as JSON."""
    return {
        "level": "ERROR",
        "fields": fields,
        "span": {"requestId": REQUEST, "name": "Lambda runtime invoke"},
    }


def wrapped(text: str) -> dict[str, Any]:
    """Return what the platform makes of a line of text where logs are JSON."""
    fields = {"timestamp": TIME, "level": "INFO", "message": text.rstrip(), "requestId": REQUEST}
    return dict(fields)


RUST_PANIC = ["\n", "thread 'main' (9) panicked at src/main.rs:3:2:\n", "index out of bounds\n",
              rust("user handler panicked error=Any { .. }")]  # fmt: skip

RUST_ASSERTION = [
    *RUST_PANIC[:2], "assertion `left == right` failed\n", "  left: 1\n", " right: 2\n",
    "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
    RUST_PANIC[-1],
]  # fmt: skip
ASSERTED = "assertion `left == right` failed\n  left: 1\n right: 2"
RUST_INNER = rust('OrderError("42")').replace("}: ", "}:work{order=7}: ")
RUST_OS = 'Os { code: 2, kind: NotFound, message: "No such file or directory" }'

IMPORT_MODULE = "Runtime.ImportModuleError"
NOT_FOUND = "Runtime.HandlerNotFound"
NO_MODULE_TEXT = "Unable to import module 'shop': No module named 'shop'"
MISSING = "Handler 'pay' missing on module 'shop'"
PYTHON_NO_STACK = "\nTraceback (most recent call last):"
NODE_MODULE = "Error: Cannot find module 'shop'\nRequire stack:\n- /var/runtime/index.mjs"
NODE_MISSING = "shop.pay is undefined or not exported"

NODE_HEAP = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n"


def node_init(kind: str, message: str) -> dict[str, Any]:
    """Return what Node's runtime reports before it ends; as JSON its types lack a part."""
    return {
        "errorType": kind, "errorMessage": message, "stackTrace": [f"{kind}: {message}", "    at a"]
    }  # fmt: skip


def node_json_init(kind: str, message: str) -> dict[str, Any]:
    """Return the same where logs are JSON."""
    error = {**node_init(kind, message), "errorType": kind.removeprefix("Runtime.")}
    return {**AWS_JSON, "message": error}


JAVA_CLASS = (
    "Class not found: shop.H: java.lang.ClassNotFoundException\n"
    "java.lang.ClassNotFoundException: shop.H\n\tat java.net.URLClassLoader.findClass(U.java:1)\n\n"
)
JAVA_METHOD = "No public method named pay with appropriate method signature found on class shop.H"

EXITED: dict[str, Any] = {"status": "error", "platform_error": "Runtime.ExitError"}

INIT: dict[str, Any] = {**EXITED, "during": "init"}
INITS_TELL = [
    Case("Python", NO_MODULE, [f"[ERROR] {IMPORT_MODULE}: {NO_MODULE_TEXT}{PYTHON_NO_STACK}\n"],
         "seen", IMPORT_MODULE, NO_MODULE_TEXT, **INIT),
    Case("Python", NO_MODULE, [{**PYTHON_JSON, "errorType": IMPORT_MODULE,
         "errorMessage": NO_MODULE_TEXT, "stackTrace": []}], "seen", IMPORT_MODULE, NO_MODULE_TEXT,
         "JSON", **INIT),
    Case("Python", NO_HANDLER, [f"[ERROR] {NOT_FOUND}: {MISSING}{PYTHON_NO_STACK}\n"], "seen",
         NOT_FOUND, MISSING, **INIT),
    Case("Python", BROKEN, [f"[ERROR] OrderError: no stock\r{PYTHON_STACK}\n"], "seen",
         "OrderError", "no stock", **INIT),
    Case("Node.js", NO_MODULE,
         [node("Uncaught Exception \t", json.dumps(node_init(IMPORT_MODULE, NODE_MODULE)))], "seen",
         IMPORT_MODULE, NODE_MODULE, **INIT),
    Case("Node.js", NO_MODULE, [node_json_init(IMPORT_MODULE, NODE_MODULE)], "seen", IMPORT_MODULE,
         NODE_MODULE, "JSON", **INIT),
    Case("Node.js", NO_HANDLER,
         [node("Uncaught Exception \t", json.dumps(node_init(NOT_FOUND, NODE_MISSING)))], "seen",
         NOT_FOUND, NODE_MISSING, **INIT),
    Case("Node.js", NO_HANDLER, [node_json_init(NOT_FOUND, NODE_MISSING)], "seen", NOT_FOUND,
         NODE_MISSING, "JSON", **INIT),
    Case("Java", BROKEN, [JAVA], "seen", "shop.OrderException", "no stock", **INIT),
    Case("Ruby", NO_MODULE, ["Init error when loading handler shop.pay", RUBY_INIT], "seen",
         "LoadError", "no such file -- shop", **INIT),
    Case("Ruby", NO_MODULE, [json.loads(RUBY_INIT)], "seen", "LoadError", "no such file -- shop",
         "JSON", **INIT),
    Case(".NET", BROKEN, [f"{TIME}\t\tfail\t{DOTNET}\n",
         "Unhandled exception. Shop.OrderException: no stock\n"], "seen", "Shop.OrderException",
         "no stock", **INIT),
    Case("Go", BROKEN, GO_CRASH, "seen", "panic", "no stock", **INIT),
    Case("Go", BROKEN, [wrapped(line) for line in GO_CRASH], "seen", "panic", "no stock", "JSON",
         **INIT),
    Case("Rust", BROKEN, RUST_PANIC[:3], "seen", "panic", "index out of bounds", **INIT),
    Case("Rust", BROKEN, [wrapped(line) for line in RUST_PANIC[:3]], "seen", "panic",
         "index out of bounds", "JSON", **INIT),
]  # fmt: skip
"""Of an initialization that fails; the invocation that waited for it says the same."""

LINES_TELL = [
    *INITS_TELL,
    Case("Python", MEMORY, ["MemoryError\n"], "platform", "Runtime.OutOfMemory", **EXITED),
    Case("Node.js", MEMORY, [NODE_HEAP], "platform", "Runtime.OutOfMemory", **EXITED),
    Case("Java", NO_MODULE, [JAVA_CLASS], "seen", "java.lang.ClassNotFoundException",
         "Class not found: shop.H"),
    Case("Java", NO_HANDLER, [JAVA_METHOD + "\n"], "last line", NOT_FOUND, JAVA_METHOD),
    Case("Java", NO_HANDLER, [{**AWS_JSON, "message": JAVA_METHOD + "\n"}], "last line", NOT_FOUND,
         JAVA_METHOD, "JSON"),
    Case("Ruby", LAST, [RUBY_HANDLED], "no failure", log_format="JSON"),
    Case("Ruby", LINES, ["one\ntwo"], "no failure"),
    Case("Ruby", LINES, [{**AWS_JSON, "message": "one\ntwo"}], "no failure", log_format="JSON"),
    Case("Ruby", LIBRARY_OWN, ["Error raised from handler method",
         RUBY.replace("OrderError", "JSON::ParserError")], "seen", "JSON::ParserError", "no stock"),
    Case("Ruby", "the response cannot be written as JSON", [], "not seen"),
    Case(".NET", LAST, [{**AWS_JSON, "level": "Error", "message": "failed",
         "errorType": "Shop.OrderException", "errorMessage": "no", "stackTrace": ["at a"]}],
         "no failure", log_format="JSON"),
    Case(".NET", LIBRARY_OWN, [f"{TIME}\t{REQUEST}\tfail\t{DOTNET_NESTED}\n"], "last line",
         "System.AggregateException", "One or more errors occurred. (no stock)"),
    Case(".NET", LINES, [f"{TIME}\t{REQUEST}\tfail\tone\ntwo\n"], "no failure"),
    Case(".NET", LINES, [{**AWS_JSON, "level": "Error", "message": "one\ntwo"}], "no failure",
         log_format="JSON"),
    Case("Python", RAISED, [f"[ERROR] OrderError: no stock\r{PYTHON_STACK}\n"], "seen",
         "OrderError", "no stock"),
    Case("Python", RAISED, [PYTHON_JSON], "seen", "OrderError", "no stock", "JSON"),
    Case("Python", LAST,
         [f"[ERROR]\t{TIME}\t{REQUEST}\thandled\nTraceback (most recent call last):"],
         "no failure"),
    Case("Python", LAST + ", in a format of its own",
         [f"[ERROR] shop: handled\n{PYTHON_STACK}\nOrderError: no stock"], "no failure"),
    Case("Python", LAST, [{**PYTHON_JSON, "message": "handled", "logger": "root"}], "no failure",
         log_format="JSON"),
    Case("Python", RAISED + ", whose message holds a traceback",
         [f"[ERROR] OrderError: a\n{PYTHON_STACK}\r{PYTHON_STACK}\n"], "seen", "OrderError",
         "a\n" + PYTHON_STACK),
    Case("Python", LIBRARY_OWN, [f"[ERROR] {PYTHON_LIBRARY}\r{PYTHON_STACK}\n"], "seen",
         "JSONDecodeError", "Expecting value: line 1 column 1 (char 0)"),
    Case("Python", LIBRARY_OWN, [{**PYTHON_JSON, "errorType": "JSONDecodeError"}], "seen",
         "JSONDecodeError", "no stock", "JSON"),
    Case("Python", LINES, [f"[ERROR]\t{TIME}\t{REQUEST}\tone\ntwo\n"], "no failure"),
    Case("Python", LINES, [{**AWS_JSON, "message": "one\ntwo", "logger": "root"}], "no failure",
         log_format="JSON"),
    Case("Node.js", RAISED, [node("Invoke Error \t", NODE_TEXT)], "seen", "OrderError", "no stock"),
    Case("Node.js", LIBRARY, [node("Invoke Error \t", json.dumps(AXIOS))], "seen", "AxiosError",
         "connect ECONNREFUSED"),
    Case("Node.js", LIBRARY + ", without name and stack",
         [node("Invoke Error \t", json.dumps(GRAPHQL))], "seen", "Error", "Syntax Error"),
    Case("Node.js", "an exception outside of the handler", [node("Uncaught Exception \t",
         NODE_TEXT)],
         "seen", "OrderError", "no stock", **EXITED),
    Case("Node.js", "an exception outside of the handler", [{**AWS_JSON, "message": NODE_ERROR}],
         "seen", "OrderError", "no stock", "JSON", **EXITED),
    Case("Node.js", LAST, [node("", "OrderError: no stock\n    at f (a.js:1)")], "no failure"),
    Case("Node.js", RAISED, [{**AWS_JSON, "message": NODE_ERROR}], "last line", "OrderError",
         "no stock", "JSON"),
    Case("Node.js", LIBRARY, [{**AWS_JSON, "message": AXIOS}], "last line", "AxiosError",
         "connect ECONNREFUSED", "JSON"),
    Case("Node.js", LIBRARY + ", without name and stack", [{**AWS_JSON, "message": GRAPHQL}],
         "not seen", log_format="JSON"),
    Case("Node.js", HANDLED, [{**AWS_JSON, "message": NODE_ERROR}, WENT_ON], "no failure",
         log_format="JSON"),
    Case("Node.js", LAST, [{**AWS_JSON, "message": NODE_ERROR}], "misread", "OrderError",
         "no stock",
         "JSON"),
    Case("Node.js", LAST + ", with a text before it",
         [{**AWS_JSON, **NODE_ERROR, "message": "failed: OrderError: no stock"}], "no failure",
         log_format="JSON"),
    Case("Node.js", EXIT + ", after a handled error that it logged",
         [{**AWS_JSON, "message": NODE_ERROR}, WENT_ON], "platform",
         "Runtime.ExitError", "", "JSON", **EXITED),
    Case("Node.js", TIMEOUT + ", after a handled error that it logged",
         [{**AWS_JSON, "message": NODE_ERROR}], "platform", "timeout",
         log_format="JSON", status="timeout"),
    Case("Node.js", LAST + ", with its stack as a text",
         [{**AWS_JSON, "message": "NotFoundException: no\n    at f (a.js:1)"}], "no failure",
         log_format="JSON"),
    Case("Node.js", LINES, [node("", "one\ntwo")], "no failure"),
    Case("Node.js", LINES, [{**AWS_JSON, "message": "one\ntwo"}], "no failure", log_format="JSON"),
    Case("Java", RAISED, [JAVA], "seen", "shop.OrderException", "no stock"),
    Case("Java", RAISED, [{**AWS_JSON, "message": JAVA}], "seen", "shop.OrderException", "no stock",
         "JSON"),
    Case("Java", RAISED, JAVA_LINES, "last line", "shop.OrderException", "no stock",
         "text, line by line"),
    Case("Java", RAISED + ", with suppressed ones and their causes", JAVA_SUPPRESSED, "last line",
         "shop.OrderException", "no stock", "text, line by line"),
    Case("Java", RAISED + ", whose cause has a message of two lines", JAVA_CAUSED, "last line",
         "shop.OrderException", "no stock", "text, line by line"),
    Case("Java", LAST,
         [f"2026-01-01 12:00:01 {REQUEST} ERROR Handler - failed\nshop.E: x\n\tat a.B\n"],
         "no failure"),
    Case("Java", LAST, [{**AWS_JSON, "message": "failed\nshop.E: x\n\tat a.B\n"}], "no failure",
         log_format="JSON"),
    Case("Java", LAST + ", printed without a message", JAVA_PRINTED, "no failure",
         log_format="text, line by line"),
    Case("Java", RAISED + ", whose message holds another report", [JAVA_FORGED], "seen",
         "shop.OrderException", FORGED),
    Case("Java", LIBRARY_OWN, [JAVA_IO], "seen", "java.io.UncheckedIOException", "x: /no"),
    Case("Java", LIBRARY_OWN, [{**AWS_JSON, "message": JAVA_IO}], "seen",
         "java.io.UncheckedIOException", "x: /no", "JSON"),
    Case("Java", LAST + ", with its stack as a text",
         [{**AWS_JSON, "message": "shop.OrderException: no\n\tat shop.H.f(H.java:1)\n"}],
         "no failure", log_format="JSON"),
    Case("Java", LINES, ["[ERROR] one\ntwo"], "no failure"),
    Case("Java", LINES, [{**AWS_JSON, "message": "one\ntwo"}], "no failure", log_format="JSON"),
    Case("Ruby", RAISED, ["Error raised from handler method\n", RUBY + "\n"], "seen", "OrderError",
         "no stock"),
    Case("Ruby", RAISED, [json.loads(RUBY)], "seen", "OrderError", "no stock", "JSON"),
    Case("Ruby", RAISED, [f"{line}\n" for line in RUBY.split("\n")], "seen", "OrderError",
         "no stock",
         "text, line by line"),
    Case("Ruby", LAST, [f"E, [2026-01-01T12:00:01.500000 #8] ERROR {REQUEST} -- : no (OrderError)"],
         "no failure"),
    Case(".NET", RAISED, [f"{TIME}\t{REQUEST}\tfail\t{DOTNET}\n"], "last line",
         "Shop.OrderException",
         "no stock"),
    Case(".NET", RAISED, [{**AWS_JSON, "level": "Error", "message": DOTNET}], "last line",
         "Shop.OrderException", "no stock", "JSON"),
    Case(".NET", LAST, [f"{TIME}\t{REQUEST}\tfail\tfailed: {DOTNET}\n"], "no failure"),
    Case(".NET", LAST + ", and nothing else", [f"{TIME}\t{REQUEST}\tfail\t{DOTNET}\n"], "misread",
         "Shop.OrderException", "no stock"),
    Case("Go", RETURNED, [GO % ""], "last line", "OrderError", "no stock"),
    Case("Go", RETURNED, [wrapped(GO % "")], "last line", "OrderError",
         "no stock", "JSON"),
    Case("Go", LIBRARY_OWN, [GO_LIBRARY % ""], "last line", "PathError", "open /no: no such file"),
    Case("Go", LIBRARY_OWN, [wrapped(GO_LIBRARY % "")], "last line", "PathError",
         "open /no: no such file", "JSON"),
    Case("Go", PANIC, [GO % GO_STACK, GO_TRAILER], "seen", "OrderError", "no stock", **EXITED),
    Case("Go", PANIC, [wrapped(GO % GO_STACK), wrapped(GO_TRAILER)], "seen", "OrderError",
         "no stock", "JSON", **EXITED),
    Case("Go", THROWN_ELSEWHERE, GO_CRASH, "seen", "panic", "no stock", **EXITED),
    Case("Go", THROWN_ELSEWHERE, [wrapped(line) for line in GO_CRASH], "seen", "panic",
         "no stock", "JSON", **EXITED),
    Case("Go", "goroutines write a map at once",
         ["fatal error: concurrent map writes\n", *GOROUTINE], "seen", "fatal error",
         "concurrent map writes", **EXITED),
    Case("Go", LAST, ["2026/01/01 12:00:01 ERROR no stock err=boom\n"], "no failure"),
    Case("Go", LINES, ["2026/01/01 12:00:01 one\n", "two\n"], "no failure"),
    Case("Go", LINES, [wrapped("2026/01/01 12:00:01 one\n"), wrapped("two\n")], "no failure",
         log_format="JSON"),
    Case("Go", HANDLED, ['{"time":"x","level":"ERROR","msg":"no stock","err":"boom"}\n'],
         "no failure", log_format="JSON"),
    Case("Go", LAST + ", as the JSON that the runtime writes", [GO % ""], "misread",
         "OrderError", "no stock"),
    Case("Rust", RETURNED, [rust('OrderError("42")')], "last line",
         "OrderError",
         'OrderError("42")'),
    Case("Rust", RETURNED, [rust_json(message='OrderError("42")')],
         "last line",
         "OrderError", 'OrderError("42")', "JSON"),
    Case("Rust", LIBRARY_OWN, [rust(RUST_OS)], "last line", "Os", RUST_OS),
    Case("Rust", LIBRARY_OWN, [rust_json(message=RUST_OS)], "last line", "Os", RUST_OS, "JSON"),
    Case("Rust", RETURNED + ", lambda_runtime before 1.0", [], "not seen"),
    Case("Rust", PANIC, RUST_PANIC, "seen", "panic", "index out of bounds"),
    Case("Rust", PANIC,
         [rust_json(message="user handler panicked", error="Any { .. }")], "seen", "panic",
         "Any { .. }", "JSON"),
    Case("Rust", "an assertion of the handler fails", RUST_ASSERTION, "seen", "panic", ASSERTED),
    Case("Rust", PANIC + ", which ends the process", RUST_PANIC[:3], "seen", "panic",
         "index out of bounds", **EXITED),
    Case("Rust", PANIC + ", which ends the process",
         [wrapped(line) for line in RUST_PANIC[:3]], "seen", "panic", "index out of bounds",
         "JSON", **EXITED),
    Case("Rust", LINES, [rust("one"), "two\n"], "no failure"),
    Case("Rust", LINES, [rust_json(message="one\ntwo")], "no failure", log_format="JSON"),
    Case("Rust", LAST, [rust('no stock error="boom"')], "no failure"),
    Case("Rust", LAST, [rust_json(message="no stock")], "no failure", log_format="JSON"),
    Case("Rust", LAST + ", in its debug form and in a span of its own", [RUST_INNER], "no failure"),
    Case("Rust", LAST + ", in its debug form and in a span of its own",
         [{**rust_json(message='OrderError("42")'), "span": {"name": "work"}}], "no failure",
         log_format="JSON"),
    Case("Rust", LAST + ", in its debug form and nothing else", [rust('OrderError("42")')],
         "misread", "OrderError", 'OrderError("42")'),
]  # fmt: skip

RUNTIMES = ("Python", "Node.js", "Java", "Ruby", ".NET", "Go", "Rust")
PLATFORM_ONLY: Sequence[tuple[str, str, dict[str, Any]]] = (
    (EXIT, "Runtime.ExitError", EXITED),
    (TIMEOUT, "timeout", {"status": "timeout"}),
)

CASES = sorted(
    [
        *LINES_TELL,
        *(
            Case(runtime, what, [line], "platform", kind, "", log_format, **how)
            for runtime in RUNTIMES
            for log_format, line in (("text", "on it\n"), ("JSON", wrapped("on it\n")))
            for what, kind, how in PLATFORM_ONLY
        ),
    ],
    key=lambda case: RUNTIMES.index(case.runtime),
)
