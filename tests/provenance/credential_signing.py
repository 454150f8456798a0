"""Content credentials signed here, with keys made here."""

import datetime
import functools
import io
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

BASE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_FAR_AHEAD = datetime.datetime(2090, 1, 1, tzinfo=datetime.UTC)


class Signer:
    """An authority of its own, and a certificate of it in an organization's name."""

    def __init__(self, organization, not_after=_FAR_AHEAD, address=None):
        self._authority_key = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        authority = _name(organization, f"{organization} Root")
        self.authority = _certificate(
            authority, authority, self._authority_key, self._authority_key, _FAR_AHEAD, ca=True
        )
        self.leaf = _certificate(
            _name(organization, f"{organization} Signer"),
            authority,
            self._key,
            self._authority_key,
            not_after,
            ca=False,
            address=address,
        )

    @property
    def anchors(self):
        """Certificates for a trust list."""
        return _pem(self.authority).decode()

    def sign(self, data, media_type, manifest, ingredients=(), remote_url=None, embedded=True):
        """Return a picture with a signed manifest."""
        import c2pa

        info = c2pa.C2paSignerInfo(
            b"es256",
            _pem(self.leaf) + _pem(self.authority),
            self._key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
            None,
        )
        settings = c2pa.Settings.from_json(
            json.dumps(
                {"core": {"allowed_network_hosts": []}, "verify": {"verify_after_sign": False}}
            )
        )
        context = c2pa.Context(settings)
        builder = c2pa.Builder(json.dumps(manifest), context=context)
        for values, media, content in ingredients:
            builder.add_ingredient(json.dumps(values), media, io.BytesIO(content))
        if remote_url:
            builder.set_remote_url(remote_url)
        if not embedded:
            builder.set_no_embed()
        out = io.BytesIO()
        builder.sign(c2pa.Signer.from_info(info), media_type, io.BytesIO(data), out)
        return out.getvalue()


def manifest(*actions, generator="a test", title="a title"):
    """A manifest's definition with actions, each a name, a source type and an agent."""
    made = []
    for name, kind, agent in actions:
        action = {"action": name}
        if kind:
            action["digitalSourceType"] = kind if ":" in kind else BASE + kind
        if agent:
            action["softwareAgent"] = {"name": agent}
        made.append(action)
    return {
        "claim_generator_info": [{"name": generator, "version": "1.0"}],
        "title": title,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": made}}],
    }


@functools.cache
def trusted():
    return Signer("Sony Test")


@functools.cache
def other():
    return Signer("Somebody")


def short_lived(seconds):
    """Return a signer whose certificate is over so soon: none can sign with one that is over."""
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return Signer("Sony Test", end)


def _name(organization, common):
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _certificate(subject, issuer, key, signing_key, not_after, *, ca, address=None):
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_LONG_AGO)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
            critical=False,
        )
    )
    if not ca:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(usage, critical=False)
    if address:
        # Where a checker could ask whether the certificate was revoked.
        place = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(address)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([place]), critical=False)
    return builder.sign(signing_key, hashes.SHA256())


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)
