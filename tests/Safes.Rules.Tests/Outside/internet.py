"""A few servers of a test's internet: HTTP on 80 and TLS on 443 of every address given; each says what it was asked, redirects (/redirect/URL), sends
so many bytes (/bytes/N), sends without end (/endless), or a file of the directory $FILES (/files/..). Prints each connection.

internet.py CERTIFICATE ADDRESS..
"""
import http.server
import json
import os
import ssl
import sys
import threading
import time


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        taken = 0
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().strip(), 16):
                taken += len(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        else:
            taken = len(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if self.path.startswith("/redirect/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/redirect/"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b"x" * 1000)
                time.sleep(0.1)
        if self.path.startswith("/files/"):
            file = os.path.join(os.environ["FILES"], os.path.basename(self.path))
            if not os.path.isfile(file):
                self.send_error(404)
                return
            text = open(file, "rb").read()
        elif self.path.startswith("/bytes/"):
            text = b"x" * int(self.path.removeprefix("/bytes/"))
        else:
            text = json.dumps({"server": self.server.server_address[0], "method": self.command, "host": self.headers.get("Host"), "took": taken}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def get_request(self):
        got = super().get_request()
        print("taken", got[1][0], *self.server_address, flush=True)
        return got


def serve(address, port, certificate=None):
    server = Server((address, port), Echo)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever).start()


for where in sys.argv[2:]:
    serve(where, 80)
    serve(where, 443, sys.argv[1])
    serve(where, 8443, sys.argv[1])
print("listening", flush=True)
