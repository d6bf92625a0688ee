package lua

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/test/process"
)

// database is a server that a test started, with a folder that its account owns.
type database struct {
	t        testing.TB
	dir      string
	port     int
	uid, gid int // of the account, 0 = the test's own
}

// newDatabase makes the folder; root's servers run as account, since they refuse to run as root.
func newDatabase(t testing.TB, account string) *database {
	t.Helper()
	dir, err := os.MkdirTemp("", "db") // short: unix sockets are in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ports, err := process.TakePorts()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ports.Release)
	d := &database{t: t, dir: dir, port: ports.Take()}
	if os.Getuid() == 0 {
		u, err := user.Lookup(account)
		if err != nil {
			t.Skip(err)
		}
		d.uid, _ = strconv.Atoi(u.Uid)
		d.gid, _ = strconv.Atoi(u.Gid)
		d.own(dir)
	}
	return d
}

func (d *database) own(path string) {
	if d.uid != 0 {
		if err := os.Chown(path, d.uid, d.gid); err != nil {
			d.t.Fatal(err)
		}
	}
}

func (d *database) command(words ...string) *exec.Cmd {
	c := exec.Command(words[0], words[1:]...)
	c.Dir = d.dir
	if d.uid != 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(d.uid), Gid: uint32(d.gid)}}
	}
	return c
}

// run runs a command to its end.
func (d *database) run(words ...string) {
	d.t.Helper()
	if out, err := d.command(words...).CombinedOutput(); err != nil {
		d.t.Fatalf("%v: %v\n%s", words, err, out)
	}
}

// start starts the server and waits until it listens.
func (d *database) start(words ...string) {
	d.t.Helper()
	c := d.command(words...)
	logged, err := os.Create(filepath.Join(d.dir, "log"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer logged.Close()
	c.Stdout, c.Stderr = logged, logged
	if err := c.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if s, err := net.Dial("tcp", process.Loopback(d.port)); err == nil {
			s.Close()
			return
		}
		if time.Now().After(end) {
			b, _ := os.ReadFile(logged.Name())
			d.t.Fatalf("%v does not listen:\n%s", words, b)
		}
	}
}

// certificate writes cert.pem and key.pem, self-signed for 127.0.0.1.
func (d *database) certificate() (cert, key string) {
	d.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "db"}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		d.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		d.t.Fatal(err)
	}
	cert, key = filepath.Join(d.dir, "cert.pem"), filepath.Join(d.dir, "key.pem")
	for path, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(b), 0o600); err != nil {
			d.t.Fatal(err)
		}
		d.own(path)
	}
	return cert, key
}

// postgresServer starts a PostgreSQL server with the roles md5er and scram, whose password is "secret pass".
func postgresServer(t testing.TB) *database {
	t.Helper()
	bin, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(bin) == 0 {
		t.Skip("postgresql is not installed: scripts/deps.sh test")
	}
	at := bin[len(bin)-1]
	d := newDatabase(t, "postgres")
	data := filepath.Join(d.dir, "data")
	d.run(filepath.Join(at, "initdb"), "-D", data, "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--no-locale")
	hba := "local all all trust\nhost all md5er all md5\nhost all scram all scram-sha-256\nhost all clear all password\nhost all all all trust\n"
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key := d.certificate()
	d.start(filepath.Join(at, "postgres"), "-D", data, "-p", fmt.Sprint(d.port), "-k", d.dir, "-h", "127.0.0.1", "-F",
		"-c", "ssl=on", "-c", "ssl_cert_file="+cert, "-c", "ssl_key_file="+key)
	if _, err := exec.LookPath("psql"); err != nil {
		t.Skip(err)
	}
	for _, sql := range []string{"SET password_encryption = 'md5'; CREATE ROLE md5er LOGIN PASSWORD 'secret pass'",
		"CREATE ROLE scram LOGIN PASSWORD 'secret pass'; CREATE ROLE clear LOGIN PASSWORD 'secret pass'"} {
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) { // it listens before it is ready
			out, err := d.command("psql", "-h", d.dir, "-p", fmt.Sprint(d.port), "-U", "postgres", "-qc", sql).CombinedOutput()
			if err == nil {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %v\n%s", sql, err, out)
			}
		}
	}
	return d
}

// mariaServer starts a MariaDB server with the database shop and the account me, whose password is "secret pass".
func mariaServer(t testing.TB) *database {
	t.Helper()
	var path [2]string
	for i, name := range []string{"mariadbd", "mariadb-install-db"} {
		p, err := exec.LookPath(name)
		if err != nil {
			if p, err = exec.LookPath("/usr/sbin/" + name); err != nil {
				t.Skip("mariadb-server is not installed: scripts/deps.sh test")
			}
		}
		path[i] = p
	}
	d := newDatabase(t, "mysql")
	data := filepath.Join(d.dir, "data")
	d.run(path[1], "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
	cert, key := d.certificate()
	sql := filepath.Join(d.dir, "init.sql")
	if err := os.WriteFile(sql, []byte("CREATE DATABASE shop;\nCREATE USER me IDENTIFIED BY 'secret pass';\nGRANT ALL ON shop.* TO me;\nCREATE USER open;\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.start(path[0], "--no-defaults", "--datadir="+data, "--port="+fmt.Sprint(d.port), "--bind-address=127.0.0.1", "--socket="+d.dir+"/sock", "--init-file="+sql,
		"--skip-name-resolve", "--ssl-cert="+cert, "--ssl-key="+key, "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--max-allowed-packet=64M")
	return d
}
