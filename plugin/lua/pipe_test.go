package lua

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
)

func TestPipe(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"shell":       {`local p = assert(spawn "echo out; echo err >&2; exit 3") say(p:stdout_read_all(), p:stderr_read_all()) say(p:wait()) say(p:wait()) say(p:kill(9))`, "out\n err\n\nfalse exit 3\nnil exited\nnil exited"},
		"program":     {`local p = assert(spawn({ "cat", "-" })) say(p:pid() > 1) say(p:write({ "a", { 1 }, "\n" }), p:write("b")) say(p:stdout_read_line()) say(p:stdout_read_any(10)) say(p:shutdown("stdin")) say(p:write("x")) say(p:stdout_read_any(10)) say(p:wait())`, "true\n3 1\na1\nb\ntrue\nnil closed\nnil closed\ntrue exit 0"},
		"reads":       {`local p = spawn "printf 'one\\r\\ntwo\\nlast'" say(p:stdout_read_line()) say(p:stdout_read_bytes(2)) say(p:stdout_read_bytes(0) == "") say(p:stdout_read_line()) say(p:stdout_read_line()) say(p:stdout_read_line()) say(p:stdout_read_all())`, "one\ntw\ntrue\no\nnil closed last\nnil closed\nnil closed"},
		"short":       {`local p = spawn "printf abc" say(p:stdout_read_bytes(5)) p = spawn "true" say(p:stdout_read_all() == "") say(p:stdout_read_all())`, "nil closed abc\ntrue\nnil closed"},
		"large":       {`local p = spawn "head -c 3000000 /dev/zero" say(#p:stdout_read_bytes(1000000)) say(#p:stdout_read_all()) say(p:wait())`, "1000000\n2000000\ntrue exit 0"},
		"merged":      {`local p = spawn("echo a; echo b >&2", { merge_stderr = true }) say((p:stdout_read_all():gsub("\n", "|"))) say(p:stderr_read_all()) say(p:shutdown("stderr"))`, "a|b|\nnil merged to stdout\nnil merged to stdout"},
		"environ":     {`local p = spawn("echo $A$KONG_SECRET", { environ = { "A=1" } }) say(p:stdout_read_line()) p = spawn("env") local all = p:stdout_read_all() say(all:find("PATH=", 1, true) ~= nil, all:find("KONG_SECRET", 1, true))`, "1\ntrue nil"},
		"timeouts":    {`local p = spawn({ "sleep", "5" }, { stdout_read_timeout = 20, wait_timeout = 20 }) say(p:stdout_read_line()) say(p:wait()) p:set_timeouts(nil, 10) say(p:stdout_read_any(1)) say(p:kill(15)) say(p:wait())`, "nil timeout \nnil timeout\nnil timeout\ntrue\nfalse signal 15"},
		"write":       {`local p = spawn({ "sleep", "5" }, { write_timeout = 30 }) say(p:write(("x"):rep(200000))) say(p:kill(9)) say(p:wait()) say(p:write("x"))`, "nil timeout\ntrue\nfalse signal 9\nnil closed"},
		"echo":        {`local p = spawn({ "cat" }) local n = 0 local w = ngx.thread.spawn(function() for i = 1, 20 do assert(p:write(("y"):rep(50000))) end p:shutdown("stdin") end) local s = p:stdout_read_all() ngx.thread.wait(w) say(#s) say(p:wait())`, "1000000\ntrue exit 0"},
		"busy":        {`local p = spawn({ "sleep", "5" }) local a = ngx.thread.spawn(p.stdout_read_line, p) local b = ngx.thread.spawn(p.wait, p) say(p:stdout_read_any(1)) say(p:wait()) say(p:shutdown("stdout")) say(ngx.thread.wait(a)) say(p:shutdown("stdout")) p:kill(2) say(ngx.thread.wait(b))`, "nil pipe busy reading\nnil pipe busy waiting\ntrue\ntrue nil aborted \nnil closed\ntrue false signal 2"},
		"none":        {`say(spawn({ "no-such-program" })) say(spawn({ "/etc" })) say(spawn({ "echo", "a\0b" }))`, "nil no-such-program: executable file not found in $PATH\nnil /etc: is a directory\nnil arguments must not contain NUL"},
		"bad":         {`for _, a in ipairs { { 1 }, { {} }, { { true } }, { "x", 1 }, { "x", { environ = 1 } }, { "x", { environ = { "a" } } }, { "x", { merge_stderr = 1 } }, { "x", { wait_timeout = -1 } } } do say((select(2, pcall(spawn, a[1], a[2])))) end local p = spawn "true" say(pcall(p.shutdown, p, "x")) say(pcall(p.kill, p, "x")) say(p:wait())`, "bad args arg: table expected, got number\nbad args arg: non-empty table expected\nbad args arg: string expected at 1, got boolean\nbad opts arg: table expected, got number\nbad environ option: table expected, got number\nbad environ option: NAME=value expected at 1\nbad merge_stderr option: boolean expected\nbad wait_timeout option\nfalse bad shutdown arg: x\nfalse bad signal arg: number expected, got string\ntrue exit 0"},
		"signal":      {`local p = spawn({ "sleep", "5" }) say(p:kill(99)) say(p:kill(0)) say(p:kill(9)) say(p:wait())`, "nil invalid signal\ntrue\ntrue\nfalse signal 9"},
		"other phase": {`local p = spawn({ "cat" }) ngx.timer.at(0, function() p:write("timer\n") end) say(p:stdout_read_line())`, "timer"},
		"shell.run":   {`local shell = require "resty.shell" say(shell.run("cat; echo e >&2; exit 2", "in")) say(shell.run({ "cat" }, ("z"):rep(100000))) `, "false in e\n exit 2\ntrue " + strings.Repeat("z", 100000) + "  exit 0"},
		"shell full":  {`local shell = require "resty.shell" local ok, out, err, reason = shell.run("yes", nil, 1000, 10) say(ok, #out, err, reason) local r, _, _, why = shell.run("sleep 5", nil, 30) say(r, (why:match("timeout"))) say(shell.run({ "no-such-program" })) say(shell.run("echo a >&2; yes >&2", nil, 1000, 2))`, "nil 10 nil too much data\nnil timeout\nnil nil nil failed to spawn: no-such-program: executable file not found in $PATH\nnil nil a\n too much data"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KONG_SECRET", "x")
			expect(t, inAccess(t, `local spawn = require("ngx.pipe").spawn `+c.body), c.want)
		})
	}
}

// running says whether a process is there and no zombie.
func running(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(after, "Z")
}

func waitGone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %d is still there (running: %v)", pid, running(pid))
		}
	}
}

// A process ends with the last reference to it, with the VM, and with what it started itself; nothing is left as a zombie.
func TestPipeProcessesEnd(t *testing.T) {
	pids := func(s string) (list []int) {
		for _, f := range strings.Fields(s) {
			if n, err := strconv.Atoi(f); err == nil {
				list = append(list, n)
			}
		}
		return list
	}
	file := filepath.Join(t.TempDir(), "pid")
	if err := luajit.DeclareShared("t", 1<<20); err != nil {
		t.Fatal(err)
	}
	s := live(t, Options{}, `local pipe = require "ngx.pipe" local kept
		function P:access()
			kept = kept or pipe.spawn({ "sleep", "100" })
			local dropped = pipe.spawn("sleep 100 & echo $! > `+file+`; wait") ngx.sleep(0.1) say(kept:pid(), dropped:pid())
			dropped = nil collectgarbage() collectgarbage()
		end`)
	got, _ := s.run()
	list := pids(got)
	if len(list) != 2 || !running(list[0]) {
		t.Fatalf("%q: the kept process is not there", got)
	}
	b, _ := os.ReadFile(file)
	grandchild := pids(string(b))
	if len(grandchild) != 1 {
		t.Fatalf("%q", b)
	}
	waitGone(t, list[1])
	waitGone(t, grandchild[0])
	s.idle()
	s.on(func() { s.rt.Stop(s.w) })
	waitGone(t, list[0])
}

// A request that goes away while a process starts or is awaited leaves nothing.
func TestPipeRequestEnds(t *testing.T) {
	s := live(t, Options{}, `local pipe = require "ngx.pipe" function P:access() local p = pipe.spawn({ "sleep", "100" }) say(p:pid()) p:wait() end`)
	for i := range 4 {
		k, _ := s.begin()
		time.Sleep(time.Duration(i) * 4 * time.Millisecond)
		s.on(func() { s.end(k) })
	}
	s.idle()
	s.on(func() {
		if n := len(s.vm().processes.all); n > 4 {
			t.Errorf("%d processes", n)
		}
	})
}

func TestPipeBounded(t *testing.T) {
	got := inAccess(t, `local pipe, list = require "ngx.pipe", {} local err for i = 1, 300 do list[i], err = pipe.spawn({ "true" }) if err then say(i, err) break end end`)
	expect(t, got, "257 too many processes: at most 256 of a worker run at the same time")
}
