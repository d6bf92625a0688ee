// Command demo is what `make run` starts: an upstream, and a gibbon in front of it with the kong.yml and the Lua plugin of this
// folder. With -check it asks the gateway once, prints the answer and ends. It is an example, no part of the gateway.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	proxyAddr    = "127.0.0.1:8000"
	statusAddr   = "127.0.0.1:8007"
	upstreamAddr = "127.0.0.1:8008" // kong.yml names it
)

func main() {
	binary := flag.String("gibbon", "build/gibbon", "the gateway's `binary`")
	folder := flag.String("folder", "demo", "`folder` with kong.yml and kong/plugins/hello")
	check := flag.Bool("check", false, "ask once, print the answer and end")
	flag.Parse()
	if err := run(*binary, *folder, *check); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(binary, folder string, check bool) error {
	ln, err := net.Listen("tcp", upstreamAddr)
	if err != nil {
		return fmt.Errorf("the demo upstream needs %s: %w", upstreamAddr, err)
	}
	go http.Serve(ln, http.HandlerFunc(echo))

	gateway, err := startGateway(binary, folder)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- gateway.Wait() }()
	if err := awaitListen(proxyAddr, ended); err != nil {
		gateway.Process.Kill()
		return err
	}
	if check {
		err := ask()
		gateway.Process.Signal(syscall.SIGTERM)
		<-ended
		return err
	}
	fmt.Printf(`
Gibbon listens on %[1]s, in front of a demo upstream on %[2]s. Try:

    curl -i http://%[1]s/hello -H 'X-Name: Ada'

The answer has the header X-Hello, and the upstream saw X-Greeting: both are set by the Lua plugin demo/kong/plugins/hello.
    curl -i http://%[1]s/private                  is refused by the plugin key-auth,
    curl -i 'http://%[1]s/private?apikey=sesame'  is let through.

Ctrl-C ends both.
`, proxyAddr, upstreamAddr)
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	select {
	case <-interrupted:
		gateway.Process.Signal(syscall.SIGQUIT) // let requests in flight end
		<-ended
		return nil
	case err := <-ended:
		return fmt.Errorf("the gateway ended: %v", err)
	}
}

func startGateway(binary, folder string) (*exec.Cmd, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	prefix, err := filepath.Abs("build/demo")
	if err != nil {
		return nil, err
	}
	c := exec.Command(binary, "start")
	c.Env = append(os.Environ(),
		"KONG_DATABASE=off", "KONG_NGINX_DAEMON=off", "KONG_PREFIX="+prefix,
		"KONG_DECLARATIVE_CONFIG="+filepath.Join(folder, "kong.yml"),
		"KONG_PLUGINS=bundled,hello",
		"KONG_LUA_PACKAGE_PATH="+filepath.Join(folder, "?.lua")+";;",
		"KONG_PROXY_LISTEN="+proxyAddr, "KONG_STATUS_LISTEN="+statusAddr,
		"KONG_ADMIN_LISTEN=off", "KONG_ADMIN_GUI_LISTEN=off", "KONG_STREAM_LISTEN=off",
	)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	// Ctrl-C reaches this program alone, which then lets the gateway drain.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	return c, c.Start()
}

func awaitListen(addr string, ended chan error) error {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if c, err := net.Dial("tcp", addr); err == nil {
			return c.Close()
		}
		select {
		case err := <-ended:
			return fmt.Errorf("the gateway did not start: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("nothing listens on %s after 20 s", addr)
}

// ask does what the printed curl does, and says whether the plugin was at work on both sides.
func ask() error {
	req, err := http.NewRequest(http.MethodGet, "http://"+proxyAddr+"/hello", nil)
	if err != nil {
		return err
	}
	req.Header.Set("X-Name", "Ada")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	fmt.Println(resp.Proto, resp.Status)
	resp.Header.Write(os.Stdout)
	fmt.Printf("\n%s\n", body)
	if resp.Header.Get("X-Hello") == "" || !strings.Contains(string(body), "Hello, Ada!") {
		return errors.New("the answer shows no trace of the plugin hello")
	}
	return nil
}

// echo answers with what the upstream received.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	headers := map[string]string{"Host": r.Host}
	for name, values := range r.Header {
		headers[name] = strings.Join(values, ", ")
	}
	w.Header().Set("Content-Type", "application/json")
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.Encode(map[string]any{"method": r.Method, "uri": r.RequestURI, "headers": headers, "body": string(body)})
}
