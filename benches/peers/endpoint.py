"""A receiver of uplinks by hand, with FastAPI and sqlite3, as the tutorials of both show it.

    endpoint.py background|commit DATABASE

It reads the secret from stdin, prints its address, and serves until it is killed. `background` responds first and stores the
message in a background task of FastAPI. `commit` stores it first. Neither looks whether the message is there already.
"""

from __future__ import annotations

import hashlib
import hmac
import socket
import sqlite3
import sys

import uvicorn
from fastapi import BackgroundTasks, FastAPI, Request, Response

HOW, DATABASE = sys.argv[1:]
SECRET = sys.stdin.readline().strip().encode()

app = FastAPI()
connection = sqlite3.connect(DATABASE)
connection.execute("CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, body BLOB)")


async def store(body: bytes) -> None:
    connection.execute("INSERT INTO message (body) VALUES (?)", (body,))
    connection.commit()


@app.post("/")
async def uplinks(request: Request, tasks: BackgroundTasks) -> Response:
    body = await request.body()
    token = request.headers.get("things-message-token", "")
    if not hmac.compare_digest(hashlib.sha256(body + SECRET).hexdigest(), token):
        return Response(status_code=401)
    if HOW == "background":
        # The tasks of a response that is returned are run after it was sent.
        tasks.add_task(store, body)
        return Response(status_code=204, background=tasks)
    await store(body)
    return Response(status_code=204)


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    print("http://127.0.0.1:{}/".format(listener.getsockname()[1]), flush=True)
    uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning")).run(sockets=[listener])
