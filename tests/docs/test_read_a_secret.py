"""The functions in docs/read-a-secret.md read a secret from the extension, each in its language."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.commands import output_of
from tests.docs.pages import ROOT, blocks
from tests.fake_aws import FakeAws
from tests.sandbox import running

NAME, SECRET = "shop/key+one=a@b", "correct-horse-battery"

GO_MAIN = """
func main() {
	value, err := getSecret(context.Background(), "NAME")
	if err != nil {
		panic(err)
	}
	fmt.Println(value)
}
"""
PROGRAMS = {
    "python": ("app.py", 'print(get_secret("NAME"))', (sys.executable, "app.py")),
    "js": ("app.mjs", 'console.log(await getSecret("NAME"));', ("node", "app.mjs")),
    "go": ("main.go", GO_MAIN, ("go", "run", "main.go")),
    "ruby": ("app.rb", 'puts get_secret("NAME")', ("ruby", "app.rb")),
    "php": ("app.php", 'echo getSecret("NAME"), "\\n";', ("php", "app.php")),
}
"""The file, a call of the block's function, which follows it, and the command that runs both."""

MAIN = """public final class Main {
    public static void main(String[] arguments) throws Exception {
        System.out.println(Secrets.get("%s"));
    }
}
"""
BLOCKS = {each.language: each.code for each in blocks(ROOT / "docs/read-a-secret.md")}


@pytest_asyncio.fixture
async def environment(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """The environment of a function that has the extension beside it."""
    async with FakeAws() as aws:
        aws.put_secret(NAME, SECRET)
        async with running(tmp_path / "stage", environment=aws.environment, freeze=False) as stage:
            await stage.invoke({})
            settings = stage.function.settings
            port = settings.environment["PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"]
            token = aws.environment["AWS_SESSION_TOKEN"]
            yield {
                **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
                "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": port,
                "AWS_SESSION_TOKEN": token,
            }


def test_each_language_is_run() -> None:
    """No function stands on the page that no test runs."""
    assert set(BLOCKS) == {*PROGRAMS, "java"}


@pytest.mark.parametrize("language", PROGRAMS)
async def test_the_function_reads_the_secret(
    language: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """As it stands on the page, under a name that has to be encoded."""
    file, call, command = PROGRAMS[language]
    (tmp_path / file).write_text(f"{BLOCKS[language]}\n{call.replace('NAME', NAME)}")
    assert await _run(*command, folder=tmp_path, environment=environment) == f"{SECRET}\n"


async def test_the_class_reads_the_secret(environment: dict[str, str], tmp_path: Path) -> None:
    """In Java, where a file has one class."""
    (tmp_path / "Secrets.java").write_text(BLOCKS["java"])
    (tmp_path / "Main.java").write_text(MAIN % NAME)
    await _run("javac", "Main.java", "Secrets.java", folder=tmp_path, environment=environment)
    ran = await _run("java", "-cp", ".", "Main", folder=tmp_path, environment=environment)
    assert ran == f"{SECRET}\n"


async def _run(*command: str, folder: Path, environment: dict[str, str]) -> str:
    """Return what a command printed; skips where its program is missing."""
    program = shutil.which(command[0])
    if program is None:
        pytest.skip(f"{command[0]} is not installed")
    return await output_of(program, *command[1:], folder=folder, environment=environment)
