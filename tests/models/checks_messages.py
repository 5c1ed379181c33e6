"""What qtmc says, and how: text or JSON, colour, whole folders. What it says of a given model is in tests/diagnostics."""
import json
import os
import pty

from check import SMALL, expect, expect_in

SLIP = "const aa = 1\nfit f { minimize (aq - 1)^2 over params using adam }  # é\n"


def messages(out):
    return [json.loads(line) for line in out.splitlines()]


def check_messages_json(work):
    (work.folder / "slip.qtm").write_text(SLIP, encoding="utf-8")
    out, err = work.run(work.qtmc, "check", "--message-format=json", "slip.qtm", status=1)
    expect(err == "", "JSON has standard error to itself", err)
    warning, error = messages(out)
    expect(warning["code"] == "W0501" and warning["severity"] == "warning", warning)
    span = dict(file="slip.qtm", line=2, column=19, end_line=2, end_column=21, begin=31, end=33)
    expect(error == dict(code="E0201", severity="error", title="unknown name", message="unknown name 'aq'", span=span,
                         notes=[], help=["declare it in this file, or add a 'use' of the module that has it"]), error)
    expect(SLIP.encode()[span["begin"]:span["end"]] == b"aq", "offsets are bytes")
    out, _ = work.run(work.qtmc, "check", "--message-format=json", SMALL)
    expect(out == "", "nothing is said of a good model", out)
    out, _ = work.run(work.qtmc, "build", "--message-format", "json", "slip.qtm", "-o", "model", status=1)
    expect(messages(out)[1] == error, "build and check say the same", out)
    out, _ = work.run(work.qtmc, "check", "--message-format=json", "none.qtm", status=1)
    (missing,) = messages(out)
    expect(missing["code"] == "E0001" and missing["span"] is None and "none.qtm" in missing["message"], missing)


def check_messages_json_escapes(work):
    """Quotes, backslashes, control characters and bytes that are no text, in models and in the names of files."""
    name = os.fsencode(work.folder) + b'/a"\\\x01\xff.qtm'
    with open(name, "wb") as file:
        file.write(b'option o = 1 "\\q"\nparam a in (0, 1)\xc3\nconst b = \x07 1\nfun f(x) = x \xe2\x82\xac 2\n')
    out, _ = work.run(work.qtmc, "check", "--message-format=json", work.folder, status=1)
    found = messages(out)
    expect(len(found) >= 3, "three lines are wrong", out)
    for message in found:
        expect(message["span"]["file"].endswith('/a"\\\x01\ufffd.qtm'), message)
    notes = [note for message in found for note in message["notes"]]
    expect(all(set(note) == {"text", "span"} for note in notes), notes)


def check_messages_colour(work):
    (work.folder / "slip.qtm").write_text(SLIP, encoding="utf-8")

    def coloured(*flags, **env):
        return "\033[" in work.run(work.qtmc, "check", "slip.qtm", *flags, status=1, env=env)[1]

    expect(not coloured(TERM="xterm"), "colour goes to terminals only")
    expect(coloured("--color=always", NO_COLOR="1"), "--color=always is not heard")
    expect(not coloured("--color=always", "--color=never"), "the last --color counts")

    def on_terminal(*flags, **env):
        main, other = pty.openpty()
        child = os.fork()
        if not child:
            os.dup2(other, 2)
            os.execve(work.qtmc, ["qtmc", "check", *flags, str(work.folder / "slip.qtm")], dict(os.environ, **env))
        os.close(other)
        text = b""
        try:
            while part := os.read(main, 4096):
                text += part
        except OSError:
            pass  # the other end is closed
        os.waitpid(child, 0)
        os.close(main)
        expect(b"E0201" in text, "no message on the terminal", text)
        return b"\033[" in text

    expect(on_terminal(TERM="xterm", NO_COLOR=""), "no colour on a terminal")
    expect(not on_terminal(TERM="xterm", NO_COLOR="1"), "NO_COLOR is not heard")
    expect(not on_terminal(TERM="dumb", NO_COLOR=""), "colour on a terminal without")
    expect(not on_terminal("--color=never", TERM="xterm", NO_COLOR=""), "--color=never is not heard")


def check_messages_say_explain_once(work):
    (work.folder / "a.qtm").write_text("param a in (0 1)\nparam b in (0 1)\n")
    (work.folder / "b.qtm").write_text("param a in (1, 0)\n")
    _, err = work.run(work.qtmc, "check", "a.qtm", "b.qtm", status=1)
    expect(err.splitlines()[-1] == "more about it: qtmc explain E0101 E0401", err)
    expect(err.count("qtmc explain") == 1, "said more than once", err)
    out, _ = work.run(work.qtmc, "explain", "e0101", "E0401")
    expect_in("error E0101: syntax error", out)
    expect_in("error E0401: bad domain", out)
    _, err = work.run(work.qtmc, "check", SMALL)
    expect(err == "", "nothing is said of a good model", err)


def check_messages_limit(work):
    names = "".join(f"fun f{i}(x) = unknown_{i}_{'ab'[i % 2] * 30}\n" for i in range(130))
    (work.folder / "many.qtm").write_text(names)
    _, err = work.run(work.qtmc, "check", "many.qtm", status=1)
    expect(err.count("error[E0201]") == 100, "100 errors are shown", err.count("error[E0201]"))
    expect_in("30 more errors are not shown", err)
    out, _ = work.run(work.qtmc, "check", "--message-format=json", "many.qtm", status=1)
    expect(len(messages(out)) == 130, "JSON holds all", out)


def check_messages_folder(work):
    _, err = work.run(work.qtmc, "check", ".", status=1)
    expect_in("no model is in this folder", err)
    (work.folder / "z" / "deep").mkdir(parents=True)
    for name in ("z/deep/c.qtm", "z/a.qtm", "b.qtm"):
        (work.folder / name).write_text("param a in (1, 0)\n")
    (work.folder / "good.qtm").write_text("param a in (0, 1)\n")
    (work.folder / "notes.txt").write_text("param a in (1, 0)\n")
    (work.folder / "loop").symlink_to(".")
    (work.folder / "linked.qtm").symlink_to("good.qtm")
    (work.folder / ".hidden").mkdir()
    (work.folder / ".hidden" / "d.qtm").write_text("param a in (1, 0)\n")
    _, err = work.run(work.qtmc, "check", work.folder, status=1)
    files = [line.split(".qtm:")[0].removeprefix(f"{work.folder}/") for line in err.splitlines() if "error[" in line]
    expect(files == ["b", "z/a", "z/deep/c"], "files in the order of their names", err)
    expect_in("checked 5 models: 3 errors, 0 warnings", err)
    for name in ("z/deep/c.qtm", "z/a.qtm", "b.qtm"):
        (work.folder / name).write_text("param a in (0, 1)\n")
    _, err = work.run(work.qtmc, "check", work.folder)
    expect(err == "checked 5 models: 0 errors, 0 warnings\n", err)
    (work.folder / "gone.qtm").symlink_to("nowhere.qtm")
    _, err = work.run(work.qtmc, "check", ".", status=1)
    expect_in("cannot read ./gone.qtm: no such file", err)
    _, err = work.run(work.qtmc, "check", "z", "nowhere", status=1)
    expect_in("cannot read nowhere: no such file", err)
