# Copyright The Switchyard Authors.
# SPDX-License-Identifier: Apache-2.0
"""asyncssh: commands, terminals, signals, sftp and forwards."""

import asyncio
import os
import shlex

from common import ECHO, ok, same, target

import asyncssh


def connect():
    return asyncssh.connect(
        target["host"],
        username=target["login"],
        proxy_command=shlex.split(target["proxy"]),
        known_hosts=target["known_hosts"],
        client_keys=None,
        agent_path=None,
        config=None,
    )


async def commands(conn):
    if target["shell"]:
        command = "cat; id -u; echo it went wrong >&2; exit 7"
        result = await conn.run(command, input="from here\n")
        same(result.stdout, "from here\n%d\n" % target["uid"])
        same(result.stderr, "it went wrong\n")
        same((result.exit_status, result.exit_signal), (7, None))
        codes = await asyncio.gather(*(conn.run("exit %d" % code) for code in range(5)))
        same([code.exit_status for code in codes], list(range(5)))
    else:
        result = await conn.run("/sleep word")
        same("invalid number 'word'" in result.stderr, True)
        same(result.exit_status, 1)
    ok("commands")


async def signals(conn):
    command = "echo READY; exec sleep 1000000" if target["shell"] else "/sleep 1000000"
    names = "ABRT ALRM FPE HUP ILL INT KILL PIPE SEGV TERM USR1 USR2".split()
    if not target["shell"]:
        names.append("QUIT")  # which some shells ignore until they have become the program
    for name in names:
        async with conn.create_process(command) as process:
            if target["shell"]:
                same(await process.stdout.readline(), "READY\n")
            process.send_signal(name)
            result = await process.wait()
            same((result.exit_status, result.exit_signal and result.exit_signal[0]), (-1, name))
    if target["shell"]:
        result = await conn.run("kill -SEGV $$")
        same((result.exit_signal[0], result.returncode), ("SEGV", -11))
    ok("signals")


async def terminals(conn):
    if not target["shell"]:
        async with conn.create_process("/sleep 1000000", term_type="xterm") as process:
            process.stdin.write("\x03")
            same((await process.wait()).exit_signal[0], "INT")
        return ok("terminals")
    async with conn.create_process(term_type="xterm", term_size=(97, 31), stderr=asyncssh.STDOUT) as process:
        process.stdin.write("PS1=; stty -echo; echo; echo READY; stty size; read line; stty size; exit 3\n")
        while await process.stdout.readline() != "READY\r\n":
            pass
        same(await process.stdout.readline(), "31 97\r\n")
        process.change_terminal_size(120, 45)
        process.stdin.write("\n")
        same(await process.stdout.readline(), "45 120\r\n")
        same((await process.wait()).exit_status, 3)
    ok("terminals")


async def files(conn):
    def there(name):
        return target["dir"] + "/" + name  # asyncssh 2.10 makes links where its chdir did not lead

    async with conn.start_sftp_client() as sftp:
        # asyncssh 2.10 cannot preserve a link that it copies before what the link leads to.
        await sftp.put(target["tree"], there("copy"), recurse=True, preserve=True, follow_symlinks=True)
        await sftp.get(there("copy"), target["here"], recurse=True, preserve=True)
        await sftp.symlink("copy/empty", there("soft"))
        same(await sftp.readlink(there("soft")), "copy/empty")
        same((await sftp.lstat(there("soft"))).type, asyncssh.FILEXFER_TYPE_SYMLINK)
        names = [name for name in os.listdir(target["tree"]) if name.endswith(".txt") and name[0] != "."]
        same(sorted(await sftp.glob(there("copy/*.txt"))), sorted(there("copy/" + name) for name in names))
        await sftp.link(there("copy/empty"), there("hard"))
        same((await sftp.statvfs(target["dir"])).bsize > 0, True)
        async with sftp.open(there("hard"), "a") as file:
            await file.write("more")
            await file.fsync()
        same((await sftp.stat(there("copy/empty"))).size, 4)
        await sftp.truncate(there("hard"), 0)
        await sftp.utime(there("hard"), (981173106, 981173106))
        await sftp.remove(there("hard"))
        same(await sftp.exists(there("no such file")), False)
        async with sftp.open(there("sparse"), "wb+") as file:  # beyond what 32 bits count
            await file.write(b"head", 0)
            await file.write(b"tail", target["far"])
            same(await file.read(100, target["far"] - 2), b"\0\0tail")
            same((await file.stat()).size, target["far"] + 4)
    ok("sftp")


async def exchange(reader, writer):
    """exchange sends through an echo, and half-closes."""
    writer.write(ECHO)
    writer.write_eof()
    same(await reader.read(), ECHO)
    writer.close()


async def forwards(conn):
    await exchange(*await conn.open_connection("127.0.0.1", target["echo"], encoding=None))
    async with await conn.forward_local_port("127.0.0.1", 0, "127.0.0.1", target["echo"]) as listener:
        await exchange(*await asyncio.open_connection("127.0.0.1", listener.get_port()))
    try:
        await conn.open_connection("127.0.0.1", 1)
        raise AssertionError("nothing listens there")
    except asyncssh.ChannelOpenError as refusal:
        same(refusal.code, 2)  # SSH_OPEN_CONNECT_FAILED
    await remote_forwards(conn)
    ok("forwards")


async def remote_forwards(conn):
    """remote_forwards has the container listen, and comes to it by a forward into the container."""

    async def echo(reader, writer):
        writer.write(await reader.read())
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with await conn.forward_remote_port("127.0.0.1", 0, "127.0.0.1", port) as listener:
            await exchange(*await conn.open_connection("127.0.0.1", listener.get_port(), encoding=None))
    path = target["dir"] + "/s"
    async with await asyncio.start_unix_server(echo, target["here_socket"]):
        async with await conn.forward_remote_path(path, target["here_socket"]):
            await exchange(*await conn.open_unix_connection(path, encoding=None))


async def main():
    async with connect() as conn:
        for check in (commands, signals, terminals, files, forwards):
            await check(conn)


asyncio.run(main())
