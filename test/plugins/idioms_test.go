package plugins

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"testing"
)

const idiomsConfig = `{tags: [{name: a, value: b}], limits: {x: {max: 3}}, legacy_port: 81}`

// idioms are things that authors write, by the check of the plugin "idioms" that does them; what it returns, sorted by key.
var idioms = map[string]string{
	"configuration": "anonymous=false daemon=off database=off first=number headers=true keyring=nil listeners=table plugins=true prefix=string ro=true role=traditional server=true stream=table trusted=127.0.0.1",
	"vars": "addr=127.0.0.1 arg=1 args=q=1&r=2 auth=Basic x bytes=true cookie=s1 host=127.0.0.1 http=one id=32 is_args=? kid=32 length=3 method=POST msec=true pid=true port=string prefix=/idioms proto=HTTP/1.1 " +
		"request=POST /idioms/p?q=1&r=2 HTTP/1.1 request_uri=/idioms/p?q=1&r=2 scheme=http server=127.0.0.1 time=true type=application/x-www-form-urlencoded upstream_host= upstream_uri=/p uri=/idioms/p xfp=http",
	"node":    "cluster=true count=1 dicts=number host=string id=36 number=3009003 pid=number subsystem=http version=3.9.3 vms=number worker=0",
	"db":      "byname=true code=operation unsupported connector=table consumers=2 idioms=true insert=nil key=consumers:a: more=true same=idioms schema=routes service=true strategy=off wsid=string",
	"cache":   "berr=failed to get from node cache: down l1=3 l2=1 n=2 nerr2=nil nilv=nil nl2=1 nl=3 pv=3 same=true sum=3 terr=true ttl=true",
	"events":  "event=created from idioms: 1 timer=timer",
	"files":   "n=5 no=No such file or directory none=nil text=line\n",
	"tables":  "buffer=ab1 clear=true goto_=true isempty=true mathx=true merge=2 n=2 pack=2 split=b unpack=2 uuid=true",
	"threads": "co=3 x=2 y=4",
	"request": "body=b captures=table forwarded=127.0.0.1 headers=one hv=1.1 internal=false post=b query=1 raw=/idioms/p raw_header=POST raw_query=q=1&r=2 scheme=http start=true uri_args=1 version=1.1",
	"config":  "batch=1 id=true limit=3 mode=a old=nil on=true port=81 rate=0.5 route=true secret=from env seen=true tag=a",
	"ctx":     "a=1 b=2 balancer=table c=3 captures=table phase=access route=idioms service=echo start=number",
	"logs":    "err=true raw=true",
	"tracing": "active=function probability=true root=true",
}

func checkIdioms(t *testing.T, s *site) {
	for name, want := range idioms {
		t.Run(name, func(t *testing.T) {
			a := s.do(t, "POST /idioms/p?q=1&r=2", "X-Check: "+name, "X-One: one", "Cookie: Sess=s1", "Authorization: Basic x", "Content-Type: application/x-www-form-urlencoded", "", "a=b")
			var got struct {
				OK     map[string]any
				Failed string
			}
			if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Failed != "" {
				t.Fatalf("%v %d %s", err, a.StatusCode, strings.ReplaceAll(got.Failed, "\n", "\n  ")+a.body)
			}
			var parts []string
			for k, v := range got.OK {
				if v != nil {
					parts = append(parts, fmt.Sprintf("%s=%v", k, v))
				}
			}
			sort.Strings(parts)
			have := strings.ReplaceAll(strings.Join(parts, " "), "3.009003e+06", "3009003")
			wants(t, have, want)
		})
	}
	a := s.do(t, "GET /idioms/end")
	wants(t, a.StatusCode, 200, a.Header.Get("X-Phases"), "h", a.Header.Get("X-Source"), "service")
	var line string
	eventually(t, "the end of the log phase", func() bool {
		for _, line = range strings.Split(s.log(), "\n") {
			if strings.Contains(line, "] END ") && strings.Contains(line, "GET /idioms/end") {
				return true
			}
		}
		return false
	})
	_, line, _ = strings.Cut(line, "] END ")
	line, _, _ = strings.Cut(line, "}")
	var end map[string]any
	wants(t, json.Unmarshal([]byte(line+"}"), &end), nil, fmt.Sprint(end),
		"map[body:true client:127.0.0.1 latency:true sent:true size:true status:200 time:true tries:1 up:true uph:stable ustatus:200 utime:true var:application/json]")
}
