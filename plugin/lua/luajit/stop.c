/* stop.c: what stops a handler: the time budget, memory, and an exit where no yield can leave it; and the C stack it runs on. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core.h"

/* Lua code recurses on the C stack through callbacks (string.gsub, table.sort): up to some 30 MB before LuaJIT's own limit on
 * the Lua stack ends it. Threads made from now on get this much address space; pages that nobody touches cost nothing. */
enum { STACK_SIZE = 128 << 20, STACK_RESERVE = 48 << 20 };

__attribute__((constructor)) static void give_threads_a_big_stack(void) {
  pthread_attr_t a;
  if (pthread_attr_init(&a)) return;
  if (!pthread_attr_setstacksize(&a, STACK_SIZE)) pthread_setattr_default_np(&a);
  pthread_attr_destroy(&a);
}

static __thread char *stack_bottom;
static __thread int thread_id;

/* gb_on_thread: the kernel's number of this thread; learns its stack on the first call. */
int gb_on_thread(void) {
  if (!thread_id) {
    pthread_attr_t a;
    void *low = NULL;
    size_t size = 0;
    thread_id = (int)syscall(SYS_gettid);
    if (!pthread_getattr_np(pthread_self(), &a)) {
      pthread_attr_getstack(&a, &low, &size);
      pthread_attr_destroy(&a);
    }
    stack_bottom = low;
  }
  return thread_id;
}

/* gb_stack_low: too little C stack is left for another nested resume, each of which may use what one Lua stack allows. */
int gb_stack_low(void) {
  char here;
  return stack_bottom != NULL && &here - stack_bottom < STACK_RESERVE;
}

/* The hook stays armed until the run ends, so that a pcall in the handler cannot swallow the error. An interrupt names the
 * run it was meant for: one that comes too late does no harm. */
static void stop_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  void *ud;
  lua_getallocf(L, &ud); /* the allocator knows the VM, whichever coroutine runs */
  gb_core *c = ud;
  if (c->exiting) luaL_error(L, "the handler has ended");
  if (atomic_load_explicit(&c->kill, memory_order_acquire) == atomic_load_explicit(&c->epoch, memory_order_acquire))
    luaL_error(L, "handler exceeded its time budget");
  if (c->full && !c->starved) gb_relieve(L, c);
  if (c->starved) luaL_error(L, "not enough memory");
  lua_sethook(L, NULL, 0, 0);
}

/* gb_arm has the hook run before the next instruction, in compiled code at the next loop or call. */
void gb_arm(gb_core *c) {
  c->hooked = 1;
  lua_sethook(c->main, stop_hook, LUA_MASKCOUNT, 1);
}

/* gb_interrupt stops the run that `epoch` numbers. It is called from another thread. */
void gb_interrupt(gb_vm *vm, uint64_t epoch) {
  gb_core *c = vm->core;
  if (atomic_load_explicit(&c->epoch, memory_order_acquire) != epoch) return;
  atomic_store_explicit(&c->kill, epoch, memory_order_release);
  lua_sethook(vm->L, stop_hook, LUA_MASKCOUNT, 1);
}

/* gb_stop_self makes every further instruction of the run raise an error. */
void gb_stop_self(lua_State *L, gb_vm *vm) {
  (void)L;
  vm->core->exiting = 1;
  gb_arm(vm->core);
}

/* gb_stopped disarms the hook when a run that may have been stopped is over. */
void gb_stopped(gb_vm *vm) {
  gb_core *c = vm->core;
  atomic_store_explicit(&c->kill, 0, memory_order_release);
  c->exiting = c->hooked = c->full = c->starved = 0;
  lua_sethook(vm->L, NULL, 0, 0);
}
