package luajit

import "testing"

// A thread that runs cannot be killed from a coroutine that runs inside of it,
// on the same C stack.
func TestKillOfARunningThreadIsRefused(t *testing.T) {
	h := newHost(t, 0)
	got := h.value(`local said
		native.spawn(function()
			local me = coroutine.running()
			string.gsub("x", "x", function()
				coroutine.wrap(function() said = native.kill(me) end)()
			end)
			collectgarbage()
			native.log(4, tostring(said) .. " and runs on")
		end)`)
	if got != "4 nil and runs on" {
		t.Errorf("%q", got)
	}
}
