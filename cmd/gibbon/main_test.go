package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/gateway"
	"github.com/gibbon-gateway/gibbon/gateway/conf"
	"github.com/gibbon-gateway/gibbon/version"
)

// TestMain lets this test binary be the gateway's process that start launches,
// with a gateway that only obeys.
func TestMain(m *testing.M) {
	if os.Getenv(readyVariable) != "" {
		runGateway = obey
		os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// obey is a gateway that notes its signals in PREFIX/obeyed; KONG_NODE_ID ending in 0 makes it refuse to start.
func obey(_ context.Context, c *conf.Config, o gateway.Options) error {
	if strings.HasSuffix(c.NodeID, "0") {
		return errors.New("error parsing declarative config file:\nin 'services': wrong")
	}
	if strings.HasSuffix(c.NodeID, "9") {
		os.Exit(7)
	}
	o.Ready()
	for s := range o.Signals {
		switch s {
		case gateway.Reload:
			n, _, err := o.Settings()
			text := "error"
			if err == nil {
				text = n.Logs.Level.String()
			}
			os.WriteFile(filepath.Join(c.Prefix, "obeyed"), []byte("reload "+text), 0o600)
		case gateway.Stop, gateway.Quit:
			return nil
		}
	}
	return nil
}

// gibbon runs a command line with KONG_PREFIX and further variables.
func gibbon(t *testing.T, prefix string, line string, environ ...string) (status int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	env := append([]string{"KONG_PREFIX=" + prefix, "KONG_DATABASE=off", "PATH=" + os.Getenv("PATH")}, environ...)
	status = run(strings.Fields(line), env, &o, &e)
	return status, o.String(), e.String()
}

const hint = "\n  Run with --v (verbose) or --vv (debug) for more details\n"

// The texts and exit codes are those of facts/cli.md.
func TestVerbs(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, bad, there := write("good.conf", "log_level = info\n"), write("bad.conf", "log_level = loud\n"), write("there.yml", "")
	fresh, absent := filepath.Join(folder, "fresh"), filepath.Join(folder, "absent")
	used := filepath.Join(folder, "used")
	if status, out, errs := gibbon(t, used, "prepare"); status != 0 || out != "prefix directory "+used+" not found, trying to create it\n" || errs != "" {
		t.Errorf("prepare: %d, %q, %q", status, out, errs)
	}
	for _, one := range []struct {
		prefix, line string
		environ      []string
		status       int
		out, errs    string // regular expressions over the whole text
	}{
		{fresh, "", nil, 1, "", `\nUsage: gibbon COMMAND(?s:.*)`},
		{fresh, "fly", nil, 1, "", `No such command: fly\n\n\nUsage: (?s:.*)`},
		{fresh, "--help", nil, 1, "", `\nUsage: (?s:.*)`},
		{fresh, "start --help", nil, 1, "", `\nUsage: gibbon start \[OPTIONS\](?s:.*)--lock-timeout SECONDS(?s:.*)`},
		{fresh, "stop --what", nil, 1, "", `gibbon: unrecognized parameter: what\n\n\nUsage: (?s:.*)`},
		{fresh, "stop -c x", nil, 1, "", `gibbon: unrecognized parameter: c\n\n\nUsage: (?s:.*)`},
		{fresh, "quit -t soon", nil, 1, "", `gibbon: unable to convert to number: soon\n\n\nUsage: (?s:.*)`},
		{fresh, "quit -t", nil, 1, "", `gibbon: parameter needs a value: t\n\n\nUsage: (?s:.*)`},
		{fresh, "config frobnicate", nil, 1, "", `No such command for config: frobnicate\n\n\nUsage: (?s:.*)`},
		{fresh, "config", nil, 1, "", `\nUsage: gibbon config COMMAND(?s:.*)`},
		{fresh, "roar --help", nil, 0, `(?s:.*)hoo(?s:.*)`, ""},
		{fresh, "version", nil, 0, regexp.QuoteMeta(version.Token) + `\n`, ""},
		{fresh, "version -a", nil, 0, regexp.QuoteMeta(version.Token) + `\nKong: 3\.9\.3\nGo: go.*\n`, ""},
		{fresh, "check " + good, nil, 0, `configuration at ` + good + ` is valid\n`, ""},
		{fresh, "check " + bad, nil, 1, "", `\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[error\] log_level has an invalid value: 'loud' \(debug, .*\)\n`},
		{fresh, "check " + absent, nil, 1, "", `.* \[error\] no file at: ` + absent + `\n`},
		{fresh, "check " + good, []string{"KONG_PG_PASSWORD={vault://env/none}"}, 0, `configuration at .* is valid\n`, ".*pg_password: has no effect yet.*\n"},
		{fresh, "check " + good, []string{"KONG_NGINX_HTTP_GZIP=on"}, 0, `configuration at .* is valid\n`, `.* \[warn\] nginx_http_gzip: .*\n`},
		{fresh, "migrations list", nil, 0, `Executed migrations:\n                 core: 000_base, (?s:.*)\nresponse-ratelimiting: (?s:.*)`, ""},
		{fresh, "migrations status", nil, 0, `\{"needs_bootstrap":false,"executed_migrations":\[\{"subsystem":"core","namespace":"kong.db.migrations.core","migrations":\["000_base",.*\}\]\}\n`, ""},
		{fresh, "migrations reset", nil, 1, "", `Error: not a tty: invoke 'reset' non-interactively with the --yes flag\n` + regexp.QuoteMeta(hint)},
		{fresh, "migrations reset -y", nil, 1, "", `Error: migrations reset: there is no database to migrate(?s:.*)`},
		{fresh, "migrations up", nil, 1, "", `Error: migrations up: there is no database to migrate(?s:.*)`},
		{fresh, "migrations list", []string{"KONG_DATABASE=postgres"}, 1, "", `Error: migrations list: this needs the database part(?s:.*)`},
		{fresh, "config db_import", nil, 1, "", `Error: expected a declarative configuration file;(?s:.*)`},
		{fresh, "start -c " + absent, nil, 1, "", `Error: no file at: ` + absent + `\n` + regexp.QuoteMeta(hint)},
		{fresh, "start --v", []string{"KONG_ROUTER_FLAVOR=x"}, 1, "", `Error: router_flavor has an invalid value: 'x' \(.*\)\n`},
		{fresh, "start", []string{"KONG_SSL_CERT=" + absent, "KONG_SSL_CERT_KEY=" + absent}, 1, "", `Error: ssl_cert: failed loading certificate from (?s:.*)`},
		{good + "/x", "start", nil, 1, `(prefix directory .*\n)?`, `Error: mkdir failed for '.*': .*\n` + regexp.QuoteMeta(hint)},
		{fresh, "stop", nil, 1, "", `Error: no file at: ` + fresh + `/.kong_env\n` + regexp.QuoteMeta(hint)},
		{fresh, "reload", nil, 1, "", `Error: no file at: ` + fresh + `/.kong_env\n(?s:.*)`},
		{used, "quit", nil, 1, "", `Error: nginx not running in prefix: ` + used + `\n(?s:.*)`},
		{used, "stop", []string{"KONG_LOG_LEVEL=loud"}, 1, "", `Error: nginx not running in prefix: ` + used + `\n(?s:.*)`},
		{used, "health", nil, 1, `nginx\.\.\.\.\.\.\.not running\n\n`, `Error: Kong is not running at ` + used + `\n(?s:.*)`},
		{fresh, "health", nil, 1, "", `Error: no such prefix: ` + fresh + `\n(?s:.*)`},
		{folder, "health", nil, 1, "", `Error: Kong is not running at ` + folder + `\n(?s:.*)`},
		{fresh, "vault get env/name-of", []string{"NAME_OF=hello"}, 0, `hello\n`, ""},
		{fresh, "vault get {vault://env/j/x}", []string{`J={"x":"inner"}`}, 0, `inner\n`, ""},
		{fresh, "vault get env/none-such", nil, 1, "", `Error: could not get value from external vault \(no value found\)\n(?s:.*)`},
		{fresh, "vault get aws/x", nil, 1, "", `Error: could not find vault \(aws\)\n(?s:.*)`},
		{fresh, "vault get", nil, 1, "", `Error: the 'get' command needs a <reference> argument\n(?s:.*)`},
		{fresh, "config parse", nil, 1, "", `Error: expected a declarative configuration file; see (?s:.*)`},
		{fresh, "config parse " + absent, nil, 1, "", `Error: Failed parsing:\n` + absent + `: No such file or directory\n` + regexp.QuoteMeta(hint)},
		{fresh, "config init " + there, nil, 1, "", `Error: ` + there + ` already exists\.\nWill not overwrite it\.\n(?s:.*)`},
		{fresh, "config init " + filepath.Join(folder, "new.yml"), nil, 0, "", ""},
		{fresh, "config db_import " + there, nil, 1, "", `Error: 'db_import' only works with a database(?s:.*)`},
		{fresh, "config db_export x", []string{"KONG_DATABASE=postgres"}, 1, "", `Error: db_export: this needs the database part(?s:.*)`},
		{fresh, "migrations list", []string{"KONG_DATABASE=postgres"}, 1, "", `Error: migrations list: this needs the database part(?s:.*)`},
		{fresh, "hybrid gen_cert " + filepath.Join(folder, "c") + " " + filepath.Join(folder, "k"), nil, 0, `.*'` + folder + `/c' and '` + folder + `/k'\.\n`, ""},
		{fresh, "hybrid gen_cert " + filepath.Join(folder, "c") + " " + filepath.Join(folder, "k"), nil, 1, "", `Error: ` + folder + `/c already exists\.\n(?s:.*)`},
		{fresh, "hybrid gen_cert x", nil, 1, "", `Error: both cert and key path needs to be provided\n(?s:.*)`},
		{fresh, "drain", []string{"KONG_STATUS_LISTEN=127.0.0.1:1"}, 0, `Failed to send request to http://127.0.0.1:1/status/ready: connection refused\n`, ""},
	} {
		status, out, errs := gibbon(t, one.prefix, one.line, one.environ...)
		if status != one.status || !regexp.MustCompile(`^`+one.out+`$`).MatchString(out) || !regexp.MustCompile(`^`+one.errs+`$`).MatchString(errs) {
			t.Errorf("gibbon %s: exit %d\nstdout: %q\nstderr: %q\nwant %d, %s, %s", one.line, status, out, errs, one.status, one.out, one.errs)
		}
	}
	for name, mode := range map[string]os.FileMode{"c": 0o644, "k": 0o600} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// The life of a gateway in the background, which is this test binary again.
func TestBackground(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "prefix")
	step := func(line, environ string, wantStatus int, wantOut, wantErr string) {
		t.Helper()
		status, out, errs := gibbon(t, folder, line, strings.Fields(environ)...)
		if status != wantStatus || out != wantOut || errs != wantErr {
			t.Fatalf("%s: exit %d, %q, %q; want %d, %q, %q", line, status, out, errs, wantStatus, wantOut, wantErr)
		}
	}
	id := "11111111-1111-4111-8111-11111111111"
	step("prepare", "", 0, "prefix directory "+folder+" not found, trying to create it\n", "")
	step("start", "KONG_NODE_ID="+id+"0", 1, "", "Error: error parsing declarative config file:\nin 'services': wrong\n"+hint)
	status, _, errs := gibbon(t, folder, "start", "KONG_NODE_ID="+id+"9")
	if status != 1 || !strings.Contains(errs, "ended before it served (exit status 7") {
		t.Errorf("a crash at the start: %d, %q", status, errs)
	}
	step("start", "KONG_NODE_ID="+id+"1 KONG_LOG_LEVEL=warn", 0, "Kong started\n", "")
	defer gibbon(t, folder, "stop")
	step("start", "", 1, "", "Error: Kong is already running in "+folder+"\n"+hint)
	step("health", "", 0, "nginx.......running\n\nKong is healthy at "+folder+"\n", "")
	step("reload", "KONG_LOG_LEVEL=loud", 1, "", "Error: log_level has an invalid value: 'loud' (debug, info, notice, warn, error, crit, alert, emerg)\n"+hint)
	for _, level := range []string{"warn", "crit"} {
		os.Remove(filepath.Join(folder, "obeyed"))
		environ := "KONG_LOG_LEVEL=" + level
		if level == "warn" { // nothing said: the settings of the start hold
			environ = ""
		}
		step("reload", environ, 0, "Kong reloaded\n", "")
		if got := eventually(filepath.Join(folder, "obeyed")); got != "reload "+level {
			t.Errorf("after reload with %q the gateway says %q", environ, got)
		}
	}
	step("restart", "", 0, "Kong stopped\nKong started\n", "")
	step("quit", "", 0, "Kong stopped (gracefully)\n", "")
	if left, err := os.ReadDir(filepath.Join(folder, "pids")); err != nil || len(left) > 0 {
		t.Errorf("pids after quit: %v, %v", left, err)
	}
	step("restart", "", 0, "Kong started\n", "")
	step("stop", "", 0, "Kong stopped\n", "")
	step("stop", "", 1, "", "Error: nginx not running in prefix: "+folder+"\n"+hint)
}

func TestForeground(t *testing.T) {
	folder := t.TempDir()
	defer func(before func(context.Context, *conf.Config, gateway.Options) error) { runGateway = before }(runGateway)
	var told []conf.Warning
	runGateway = func(_ context.Context, c *conf.Config, o gateway.Options) error {
		told = o.Warnings
		if pid, err := os.ReadFile(c.PIDFile()); err != nil || len(pid) < 2 {
			t.Errorf("no pid file: %v", err)
		}
		return errors.New("no port is free")
	}
	status, out, errs := gibbon(t, folder, "start --vv", "KONG_NGINX_DAEMON=off", "KONG_NGINX_HTTP_GZIP=on")
	if status != 1 || !strings.Contains(out, "[verbose] preparing the prefix") || !strings.HasSuffix(errs, "Error: no port is free\n") || len(told) != 1 {
		t.Errorf("%d, %q, %q, %v", status, out, errs, told)
	}
}

func TestDrain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var got string
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.URL.Path + " " + string(body)
		w.WriteHeader(http.StatusNoContent)
	})}
	go server.Serve(l)
	defer server.Close()
	status, out, errs := gibbon(t, t.TempDir(), "drain", "KONG_STATUS_LISTEN="+l.Addr().String())
	if status != 0 || out != "Kong's status successfully changed to 'draining'\n" || errs != "" || got != `POST /status/ready {"status":"draining"}` {
		t.Errorf("%d, %q, %q, %q", status, out, errs, got)
	}
}
