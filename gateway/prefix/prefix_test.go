package prefix

import (
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
)

func settings(t *testing.T, folder string) *conf.Config {
	t.Helper()
	c, _, err := conf.Load("", []string{"KONG_PREFIX=" + folder, "KONG_DATABASE=off"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPrepare(t *testing.T) {
	c := settings(t, filepath.Join(t.TempDir(), "a", "b"))
	created, err := Prepare(c)
	if err != nil || !created {
		t.Fatal(created, err)
	}
	pair, err := DefaultPair(c, "").Load()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil || leaf.Subject.CommonName != "localhost" || leaf.Issuer.CommonName != "localhost" || len(leaf.DNSNames) > 0 {
		t.Errorf("%v, %v", leaf.Subject, err)
	}
	before, _ := os.ReadFile(DefaultPair(c, "admin").Cert)
	if created, err = Prepare(c); err != nil || created {
		t.Error(created, err)
	}
	if after, _ := os.ReadFile(DefaultPair(c, "admin").Cert); string(after) != string(before) || len(after) == 0 {
		t.Error("the second Prepare makes a new certificate")
	}
	if info, err := os.Stat(c.EnvFile()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("settings file: %v, %v", info, err)
	}
	if err := os.WriteFile(filepath.Join(c.Prefix, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(settings(t, filepath.Join(c.Prefix, "file", "x"))); err == nil {
		t.Error("a prefix below a file is made")
	}
}

// holder is the environment variable that makes this test binary hold a prefix until it is killed.
const holder = "GIBBON_INTERNAL_HOLD"

func TestMain(m *testing.M) {
	if folder := os.Getenv(holder); folder != "" {
		c, _, err := conf.Load("", []string{"KONG_PREFIX=" + folder}, nil)
		if err == nil {
			_, err = Claim(c)
		}
		if err != nil {
			os.Exit(3)
		}
		time.Sleep(time.Minute)
	}
	os.Exit(m.Run())
}

func TestClaim(t *testing.T) {
	c := settings(t, t.TempDir())
	if pid := Running(c); pid != 0 {
		t.Errorf("%d runs in a new folder", pid)
	}
	i, err := Claim(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.PIDFile()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the pid file stays: %v", err)
	}
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), holder+"="+c.Prefix)
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	for end := time.Now().Add(20 * time.Second); Running(c) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the other process does not claim the prefix")
		}
	}
	if pid := Running(c); pid != other.Process.Pid {
		t.Errorf("%d, want %d", pid, other.Process.Pid)
	}
	if _, err := Claim(c); err != ErrRunning {
		t.Errorf("a second claim: %v", err)
	}
	other.Process.Kill()
	other.Wait()
	if pid := Running(c); pid != 0 {
		t.Errorf("%d, though it was killed", pid)
	}
	if i, err := Claim(c); err != nil {
		t.Errorf("after a crash: %v", err)
	} else {
		i.Release()
	}
}
