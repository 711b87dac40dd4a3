"""A receiver of uplinks by hand, for S24: FastAPI and sqlite3, with a commit per message.

    receiver.py SECRET TOKEN_HEADER DATABASE

It prints its address, and serves until it is killed.
"""

import hashlib
import hmac
import socket
import sqlite3
import sys
import time

import uvicorn
from fastapi import FastAPI, Request, Response

SECRET, TOKEN_HEADER, DATABASE = sys.argv[1:]

app = FastAPI()
# The fastest settings with which a message that was confirmed survives a power failure.
connection = sqlite3.connect(DATABASE)
connection.execute("PRAGMA journal_mode = wal")
connection.execute("PRAGMA synchronous = full")
connection.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, received REAL, digest BLOB UNIQUE, token TEXT, body BLOB)")


@app.post("/uplinks")
async def uplinks(request: Request):
    body = await request.body()
    token = request.headers.get(TOKEN_HEADER, "")
    digest = hashlib.sha256(body + SECRET.encode())
    if not hmac.compare_digest(digest.hexdigest(), token):
        return Response(status_code=401)
    values = (time.time(), digest.digest(), token, body)
    connection.execute("INSERT OR IGNORE INTO message (received, digest, token, body) VALUES (?, ?, ?, ?)", values)
    connection.commit()
    return Response(status_code=204)


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    print("127.0.0.1:{}".format(listener.getsockname()[1]), flush=True)
    uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning")).run(sockets=[listener])
