package prefix

import (
	"os"
	"path/filepath"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
)

// DebugTokenFile is where the token of request debugging is kept, for those
// who may read the prefix.
func DebugTokenFile(c *conf.Config) string { return filepath.Join(c.Prefix, ".request_debug_token") }

// WriteDebugToken keeps token in DebugTokenFile, readable by its owner alone; "" removes the file.
func WriteDebugToken(c *conf.Config, token string) error {
	path := DebugTokenFile(c)
	if token == "" {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return err
		}
		return nil
	}
	// In one move, and anew: the mode of a file that is there would stay.
	next := path + ".new"
	if err := os.Remove(next); err != nil && !os.IsNotExist(err) {
		return err
	}
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(token)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(next, path)
}
