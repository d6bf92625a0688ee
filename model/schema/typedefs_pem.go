package schema

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
)

// CheckCertificate refuses a text that holds no PEM certificate.
func CheckCertificate(v any) error {
	if _, err := ParseCertificates(asString(v)); err != nil {
		return errors.New("invalid certificate: " + err.Error())
	}
	return nil
}

// CheckKey refuses a text that holds no PEM private key.
func CheckKey(v any) error {
	if _, err := ParsePrivateKey(asString(v)); err != nil {
		return errors.New("invalid key: " + err.Error())
	}
	return nil
}

// ParseCertificates reads the PEM certificates of a text, at least one.
func ParseCertificates(text string) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for rest := []byte(text); ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" && b.Type != "TRUSTED CERTIFICATE" && b.Type != "X509 CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("no PEM block of type CERTIFICATE found")
	}
	return certs, nil
}

// ParsePrivateKey reads a PEM private key in PKCS #1, PKCS #8 or SEC 1 form.
func ParsePrivateKey(text string) (crypto.Signer, error) {
	for rest := []byte(text); ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			return nil, errors.New("no PEM block of a private key found")
		}
		var key any
		var err error
		switch b.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(b.Bytes)
		default:
			continue // EC PARAMETERS and the like
		}
		if err != nil {
			return nil, err
		}
		if s, ok := key.(crypto.Signer); ok {
			return s, nil
		}
		return nil, errors.New("unsupported kind of private key")
	}
}

// ParsePublicKey reads a PEM public key.
func ParsePublicKey(text string) (crypto.PublicKey, error) {
	b, _ := pem.Decode([]byte(text))
	if b == nil {
		return nil, errors.New("no PEM block found")
	}
	if b.Type == "RSA PUBLIC KEY" {
		return x509.ParsePKCS1PublicKey(b.Bytes)
	}
	return x509.ParsePKIXPublicKey(b.Bytes)
}
