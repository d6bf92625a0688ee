package entity

// Certificate is a decoded certificate with its key, PEM. The Alt pair is a
// second one of another key type (RSA beside ECDSA).
type Certificate struct {
	ID        string
	Workspace string `kong:"ws_id"`
	Cert      string
	Key       string
	CertAlt   string
	KeyAlt    string
	Tags      []string
}

// SNI is a decoded server name that selects a certificate; the name may have
// a wildcard label at one end.
type SNI struct {
	ID          string
	Workspace   string `kong:"ws_id"`
	Name        string
	Certificate Ref
	Tags        []string
}

// CACertificate is a decoded authority, PEM.
type CACertificate struct {
	ID         string
	Cert       string
	CertDigest string
	Tags       []string
}
