package socket

import (
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"sync"
)

// Roots are the authorities that servers are checked against, read when they
// are needed first (lua_ssl_trusted_certificate).
type Roots struct {
	// Files are paths of PEM files; "system" stands for the system's authorities.
	Files []string

	once sync.Once
	read *x509.CertPool
	err  error
}

// pool is safe for any goroutine. nil Roots are the system's.
func (r *Roots) pool() (*x509.CertPool, error) {
	if r == nil {
		return x509.SystemCertPool()
	}
	r.once.Do(func() {
		r.read = x509.NewCertPool()
		if slices.Contains(r.Files, "system") {
			if r.read, r.err = x509.SystemCertPool(); r.err != nil {
				return
			}
		}
		for _, f := range r.Files {
			if f == "system" {
				continue
			}
			pem, err := os.ReadFile(f)
			if err != nil {
				r.err = err
				return
			}
			if !r.read.AppendCertsFromPEM(pem) {
				r.err = fmt.Errorf("%s holds no PEM certificate", f)
				return
			}
		}
	})
	return r.read, r.err
}
