"""fetch.py URL AUTHORITIES [BODY]: what comes back, whatever the status; by the proxy that the environment names."""
import ssl
import sys
import urllib.error
import urllib.request

context = ssl.create_default_context(cafile=sys.argv[2])
context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Squid's own certificates for pages of refusals lack what that wants
body = sys.argv[3].encode() if len(sys.argv) > 3 else None
try:
    with urllib.request.urlopen(urllib.request.Request(sys.argv[1], body), timeout=30, context=context) as answer:
        while part := answer.read1(65536):
            if not sys.argv[1].endswith("/endless"):
                print(part.decode(), end="")
except urllib.error.HTTPError as refused:
    print(refused.code, refused.reason, refused.read().decode())
except OSError as failed:
    print("failed:", failed)
    sys.exit(1)
