package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// insecure skips the check of a certificate.
var insecure = &tls.Config{InsecureSkipVerify: true}

var drainVerb = verb{
	name: "drain", short: "Let a running gateway tell load balancers that it wants no more traffic",
	long:  "GET /status/ready of the Status API then answers 503; requests are served on.",
	flags: []flagRow{flagConf, flagPrefix},
	run:   drain,
}

func drain(x *call) error {
	c, _, err := x.settings()
	if err != nil {
		return err
	}
	if len(c.Listen.Status) == 0 {
		return errors.New("the Status API has no listener: set status_listen")
	}
	a := c.Listen.Status[0]
	scheme := "http"
	if a.TLS {
		scheme = "https"
	}
	if a.Host == "0.0.0.0" {
		a.Host = "127.0.0.1"
	} else if a.Host == "::" {
		a.Host = "::1"
	}
	url := scheme + "://" + a.String() + "/status/ready"
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: insecure, // the gateway's own listener, whose certificate may be self-signed
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			network, address := "tcp", a.String()
			if a.Network == "unix" {
				network, address = "unix", a.Host
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}}}
	if a.Network == "unix" {
		url = scheme + "://localhost/status/ready"
	}
	answer, err := client.Post(url, "application/json", strings.NewReader(`{"status":"draining"}`))
	if err != nil {
		reason := err.Error()
		if errors.Is(err, syscall.ECONNREFUSED) {
			reason = "connection refused"
		}
		fmt.Fprintf(x.out, "Failed to send request to %s: %s\n", url, reason)
		return nil
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		fmt.Fprintf(x.out, "Failed to change the status: %s answered %s\n", url, answer.Status)
		return nil
	}
	fmt.Fprintln(x.out, "Kong's status successfully changed to 'draining'")
	return nil
}
