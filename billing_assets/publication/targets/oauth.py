"""OAuth 2.0 client credentials with a signed assertion (RFC 7523): the key never leaves this process.

The assertion is signed with ES256 where the private key is an elliptic one (P-256), with PS256 where it is RSA.
"""

from __future__ import annotations

import base64
import json
import threading

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from billing_assets import clock
from billing_assets.publication.retries import Timer
from billing_assets.publication.targets import TargetUnavailable
from billing_assets.publication.targets.rest import send

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# An assertion is used at once; minutes allow for clocks that differ.
_ASSERTION_SECONDS = 300
# A token is not used in its last minute: the request must arrive while it is good.
_MARGIN_SECONDS = 60
_P256_BYTES = 32


class ClientCredentials:
    """Access tokens for one client, each used until shortly before it expires. Shared by threads."""

    def __init__(
        self,
        client: httpx.Client,
        token_path: str,
        *,
        client_id: str,
        certificate_id: str,
        private_key: str,
        scope: str,
        timer: Timer,
    ) -> None:
        self._client = client
        self._token_path = token_path
        self._client_id = client_id
        self._certificate_id = certificate_id
        self._key = _private_key(private_key)
        self._scope = scope
        self._timer = timer
        self._lock = threading.Lock()
        self._token = ""
        self._good_until = 0.0

    def token(self) -> str:
        """A token that is good for the next minute. Raises TargetUnavailable where none is given."""
        with self._lock:
            if not self._token or self._timer.elapsed() >= self._good_until:
                self._token, seconds = self._ask()
                self._good_until = self._timer.elapsed() + max(seconds - _MARGIN_SECONDS, 1)
            return self._token

    def drop(self, token: str) -> None:
        """`token` was refused: the next one is asked for anew. Another thread may have done so already."""
        with self._lock:
            if token == self._token:
                self._token = ""

    def _ask(self) -> tuple[str, int]:
        form = httpx.QueryParams(
            {
                "grant_type": "client_credentials",
                "client_assertion_type": _ASSERTION_TYPE,
                "client_assertion": self._assertion(),
            }
        )
        response = send(
            self._client,
            "POST",
            self._token_path,
            content=str(form).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        if response.status_code != httpx.codes.OK:
            raise TargetUnavailable(f"no access token ({response.status_code}): check client, certificate and key")
        try:
            given = response.json()
            return str(given["access_token"]), int(given["expires_in"])
        except (ValueError, KeyError, TypeError):
            raise TargetUnavailable("the token endpoint's answer is no token") from None

    def _assertion(self) -> str:
        issued = int(clock.recorded_at().timestamp())
        algorithm = "ES256" if isinstance(self._key, ec.EllipticCurvePrivateKey) else "PS256"
        signed = ".".join(
            _base64(json.dumps(part, separators=(",", ":")).encode())
            for part in (
                {"typ": "JWT", "alg": algorithm, "kid": self._certificate_id},
                {
                    "iss": self._client_id,
                    "scope": self._scope,
                    "aud": str(self._client.base_url.join(self._token_path)),
                    "iat": issued,
                    "exp": issued + _ASSERTION_SECONDS,
                },
            )
        )
        return f"{signed}.{_base64(_sign(self._key, signed.encode()))}"


def _private_key(pem: str) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        # The parser's message may show what it read.
        raise TargetUnavailable("the private key is no unencrypted PEM key") from None
    if isinstance(key, rsa.RSAPrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise TargetUnavailable("the private key is neither RSA nor P-256")


def _sign(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, message: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        salted = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
        return key.sign(message, salted, hashes.SHA256())
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(_P256_BYTES) + s.to_bytes(_P256_BYTES)


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
