package entity

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

func certificateSchema() *schema.Schema {
	pair := func(cert, key string) schema.EntityCheck {
		return schema.EntityCheck{CustomEntityCheck: &schema.CustomEntityCheck{
			FieldSources: []string{cert, key},
			Fn:           func(rec map[string]any) error { return checkPair(rec[cert], rec[key]) },
		}}
	}
	ref := schema.Referenced
	optional := func(f *schema.Field) { f.Optional = true }
	secret := func(f *schema.Field) { f.Referenceable, f.Encrypted = true, true }
	return &schema.Schema{
		Name: "certificates", Workspaceable: true,
		Fields: []schema.Field{
			schema.ID, schema.CreatedAt, schema.UpdatedAt,
			schema.Certificate.Named("cert", required, ref),
			schema.Key.Named("key", required, secret),
			schema.Certificate.Named("cert_alt", ref, optional),
			schema.Key.Named("key_alt", secret, optional),
			schema.Tags,
			{Name: "snis", Type: schema.Array, Optional: true, Transient: true, Elements: &schema.WildcardHost},
		},
		EntityChecks: []schema.EntityCheck{
			{MutuallyRequired: []string{"cert_alt", "key_alt"}},
			pair("cert", "key"),
			pair("cert_alt", "key_alt"),
			{CustomEntityCheck: &schema.CustomEntityCheck{FieldSources: []string{"cert", "cert_alt"}, Fn: checkAlternative}},
		},
	}
}

// leaf parses the first certificate of a text; nil for a vault reference,
// which is checked when it is resolved.
func leaf(v any) *x509.Certificate {
	s, _ := v.(string)
	if schema.IsReference(s) {
		return nil
	}
	certs, err := schema.ParseCertificates(s)
	if err != nil {
		return nil
	}
	return certs[0]
}

func checkPair(cert, key any) error {
	c := leaf(cert)
	text, _ := key.(string)
	if c == nil || schema.IsReference(text) {
		return nil
	}
	k, err := schema.ParsePrivateKey(text)
	if err != nil {
		return nil // the field's own error
	}
	pub, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !pub.Equal(k.Public()) {
		return errors.New("certificate does not match key")
	}
	return nil
}

func checkAlternative(rec map[string]any) error {
	a, b := leaf(rec["cert"]), leaf(rec["cert_alt"])
	if a == nil || b == nil || a.PublicKeyAlgorithm != b.PublicKeyAlgorithm {
		return nil
	}
	return errors.New("certificate and alternative certificate need to have different type (e.g. RSA and ECDSA), " +
		"the provided certificates were both of the same type")
}

func sniSchema() *schema.Schema {
	return &schema.Schema{
		Name: "snis", EndpointKey: "name", Workspaceable: true,
		Fields: []schema.Field{
			schema.ID,
			schema.WildcardHost.Named("name", required, func(f *schema.Field) { f.Unique, f.UniqueAcrossWS = true, true }),
			schema.CreatedAt, schema.UpdatedAt, schema.Tags,
			{Name: "certificate", Type: schema.Foreign, Reference: "certificates", Required: true, Owned: true},
		},
	}
}

func caCertificateSchema() *schema.Schema {
	return &schema.Schema{
		Name: "ca_certificates",
		Fields: []schema.Field{
			schema.ID, schema.CreatedAt, schema.UpdatedAt,
			schema.Certificate.Named("cert", required),
			{Name: "cert_digest", Type: schema.String, Unique: true},
			schema.Tags,
		},
		EntityChecks: []schema.EntityCheck{{CustomEntityCheck: &schema.CustomEntityCheck{
			FieldSources: []string{"cert"}, Fn: checkAuthority}}},
		Transformations: []schema.Transformation{{Input: []string{"cert"}, Always: true, OnWrite: func(rec map[string]any) (map[string]any, error) {
			c := leaf(rec["cert"])
			if c == nil {
				return nil, nil
			}
			sum := sha256.Sum256(c.Raw)
			return map[string]any{"cert_digest": hex.EncodeToString(sum[:])}, nil
		}}},
	}
}

func checkAuthority(rec map[string]any) error {
	text, _ := rec["cert"].(string)
	certs, err := schema.ParseCertificates(text)
	if err != nil {
		return nil // the field's own error
	}
	c := certs[0]
	switch {
	case len(certs) > 1:
		return errors.New("please submit only one certificate at a time")
	case time.Now().After(c.NotAfter):
		return fmt.Errorf("certificate expired, \"Not After\" time is in the past")
	case !c.IsCA:
		return errors.New("certificate does not appear to be a CA because it is missing the \"CA\" basic constraint")
	}
	return nil
}
