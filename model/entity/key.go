package entity

import (
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

// Key is a decoded key of a key set, as a JWK or as PEM.
type Key struct {
	ID        string
	Workspace string `kong:"ws_id"`
	Set       Ref
	Name      string
	KID       string `kong:"kid"`
	JWK       string `kong:"jwk"`
	PEM       PEM    `kong:"pem"`
	Tags      []string
}

// PEM is a key pair; either part may be empty.
type PEM struct{ PrivateKey, PublicKey string }

func keySetSchema() *schema.Schema {
	return &schema.Schema{
		Name: "key_sets", EndpointKey: "name", Workspaceable: true, AdminAPIName: "key-sets",
		Fields: []schema.Field{
			schema.ID,
			{Name: "name", Type: schema.String, Optional: true, Unique: true},
			schema.Tags, schema.CreatedAt, schema.UpdatedAt,
		},
	}
}

func keySchema() *schema.Schema {
	return &schema.Schema{
		Name: "keys", EndpointKey: "name", Workspaceable: true, CacheKey: []string{"kid", "set"},
		Fields: []schema.Field{
			schema.ID,
			{Name: "set", Type: schema.Foreign, Optional: true, Reference: "key_sets", OnDelete: "cascade"},
			{Name: "name", Type: schema.String, Optional: true, Unique: true},
			{Name: "kid", Type: schema.String, Required: true},
			{Name: "jwk", Type: schema.String, Referenceable: true, Encrypted: true},
			{Name: "pem", Type: schema.Record, Optional: true, Custom: checkPEM,
				Fields: []schema.Field{
					{Name: "private_key", Type: schema.String, Optional: true, Referenceable: true, Encrypted: true},
					{Name: "public_key", Type: schema.String, Optional: true, Referenceable: true},
				},
				EntityChecks: []schema.EntityCheck{{AtLeastOneOf: []string{"private_key", "public_key"}}}},
			schema.Tags, schema.CreatedAt, schema.UpdatedAt,
		},
		EntityChecks: []schema.EntityCheck{
			{MutuallyExclusive: []string{"jwk", "pem"}},
			{AtLeastOneOf: []string{"jwk", "pem"}},
			{CustomEntityCheck: &schema.CustomEntityCheck{
				FieldSources: []string{"jwk", "pem", "kid"}, Fn: checkJWK}},
		},
	}
}

func checkPEM(v any) error {
	m, _ := v.(map[string]any)
	if s, _ := m["private_key"].(string); s != "" && !schema.IsReference(s) {
		if _, err := schema.ParsePrivateKey(s); err != nil {
			return errors.New("could not load PEM private key: " + err.Error())
		}
	}
	if s, _ := m["public_key"].(string); s != "" && !schema.IsReference(s) {
		if _, err := schema.ParsePublicKey(s); err != nil {
			return errors.New("could not load PEM public key: " + err.Error())
		}
	}
	return nil
}

func checkJWK(rec map[string]any) error {
	text, _ := rec["jwk"].(string)
	if text == "" || schema.IsReference(text) {
		return nil
	}
	var jwk struct{ Kty, Kid, Crv, X, Y, N, E string }
	if err := json.Unmarshal([]byte(text), &jwk); err != nil {
		return errors.New("could not load JWK, likely not a valid key")
	}
	if jwk.Kid != rec["kid"] {
		return errors.New("kid in jwk.kid must be equal to keys.kid")
	}
	var parts []string
	switch jwk.Kty {
	case "RSA":
		parts = []string{jwk.N, jwk.E}
	case "EC":
		parts = []string{jwk.Crv, jwk.X, jwk.Y}
	case "OKP":
		parts = []string{jwk.Crv, jwk.X}
	default:
		return errors.New("could not load JWK, likely not a valid key")
	}
	for _, p := range parts {
		if p == "" {
			return errors.New("could not load JWK, likely not a valid key")
		}
	}
	for _, p := range []string{jwk.X, jwk.Y, jwk.N, jwk.E} {
		if _, err := base64.RawURLEncoding.DecodeString(p); err != nil {
			return errors.New("could not load JWK, likely not a valid key")
		}
	}
	return nil
}
