package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
)

// readyVariable tells a gateway's process that it is one in the background: it
// names the file descriptor on which the process that started it waits to hear how the start went.
const readyVariable = "GIBBON_INTERNAL_READY"

// wordReady is what the child says when all is well; anything else is an error's text.
const wordReady = "ready\n"

// launch starts this program again in a session of its own and returns when
// that process serves, or with the reason why it does not.
func (x *call) launch(c *conf.Config) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("could not find the program to start: %w", err)
	}
	hear, tell, err := os.Pipe()
	if err != nil {
		return err
	}
	defer hear.Close()
	// What the runtime prints as it crashes goes where an operator looks first.
	last, err := os.OpenFile(filepath.Join(c.Prefix, "logs", "error.log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		tell.Close()
		return fmt.Errorf("could not open the error log: %w", err)
	}
	defer last.Close()
	child := exec.Command(program, "start", "-p", c.Prefix)
	child.Env = append(append([]string(nil), x.environ...), readyVariable+"=3")
	child.Stdout, child.Stderr = last, last
	child.ExtraFiles = []*os.File{tell}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = child.Start()
	tell.Close()
	if err != nil {
		return fmt.Errorf("could not start the gateway's process: %w", err)
	}
	said, err := io.ReadAll(io.LimitReader(hear, 1<<20))
	if string(said) == wordReady {
		return child.Process.Release()
	}
	state := child.Wait()
	if text := strings.TrimSpace(string(said)); text != "" {
		return errors.New(text)
	}
	return fmt.Errorf("the gateway's process ended before it served (%v, %v): see %s", state, err, last.Name())
}

// child is the gateway's process in the background: it serves the settings
// that its parent has written, and tells the parent how the start went.
func (x *call) child() error {
	fd, err := strconv.Atoi(os.Getenv(readyVariable))
	if err != nil {
		return fmt.Errorf("%s is for the program's own use: %w", readyVariable, err)
	}
	syscall.CloseOnExec(fd)
	tell := os.NewFile(uintptr(fd), "ready")
	os.Unsetenv(readyVariable)
	place, err := x.place(true)
	if err != nil {
		return report(tell, err)
	}
	c, warnings, err := written(place, x.environ)
	if err != nil {
		return report(tell, err)
	}
	served := false
	err = x.serve(c, warnings, func() {
		served = true
		io.WriteString(tell, wordReady)
		tell.Close()
	})
	if err != nil && !served {
		return report(tell, err)
	}
	return err
}

// report tells the parent why there is no gateway.
func report(tell *os.File, err error) error {
	io.WriteString(tell, err.Error()+"\n")
	tell.Close()
	return exitStatus(1)
}
