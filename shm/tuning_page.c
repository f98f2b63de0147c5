/* tuning_page.c - see tuning_page.h. */
#include "shm/tuning_page.h"

void hk_tuning_page_init(struct hk_tuning_page *page)
{
    page->magic = HK_TUNING_MAGIC;
    page->abi_major = HK_ABI_MAJOR;
    page->abi_minor = HK_ABI_MINOR;
    page->value_count = HK_VALUES;
    atomic_store_explicit(&page->epoch, 1, memory_order_relaxed);
}

void hk_tuning_page_publish(struct hk_tuning_page *page, const struct hk_tuning_copy *copy)
{
    uint32_t sequence = atomic_load_explicit(&page->sequence, memory_order_relaxed) | 1u;
    atomic_store_explicit(&page->sequence, sequence, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);

    atomic_store_explicit(&page->generation, copy->generation, memory_order_relaxed);
    for (unsigned i = 0; i < HK_VALUES; i++) {
        const struct hk_tuning_value *v = &copy->values[i];
        struct hk_tuning_entry *e = &page->entries[i];
        atomic_store_explicit(&e->value, v->value, memory_order_relaxed);
        atomic_store_explicit(&e->life_s, v->life_s, memory_order_relaxed);
        atomic_store_explicit(&e->source, v->source, memory_order_relaxed);
        atomic_store_explicit(&e->flags, v->set ? HK_ENTRY_SET : 0, memory_order_relaxed);
    }

    atomic_store_explicit(&page->sequence, sequence + 1, memory_order_release);
    atomic_fetch_add_explicit(&page->epoch, 1, memory_order_release);
}

static void copy_values(const struct hk_tuning_page *page, struct hk_tuning_copy *out)
{
    out->generation = atomic_load_explicit(&page->generation, memory_order_relaxed);
    for (unsigned i = 0; i < HK_VALUES; i++) {
        const struct hk_tuning_entry *e = &page->entries[i];
        out->values[i] = (struct hk_tuning_value){
            .value = atomic_load_explicit(&e->value, memory_order_relaxed),
            .life_s = atomic_load_explicit(&e->life_s, memory_order_relaxed),
            .source = atomic_load_explicit(&e->source, memory_order_relaxed),
            .set = (atomic_load_explicit(&e->flags, memory_order_relaxed) & HK_ENTRY_SET) != 0,
        };
    }
}

bool hk_tuning_page_read(const struct hk_tuning_page *page, struct hk_tuning_copy *out)
{
    for (int attempt = 0; attempt < 8; attempt++) {
        uint32_t before = atomic_load_explicit(&page->sequence, memory_order_acquire);
        if (before & 1u)
            continue;
        copy_values(page, out);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&page->sequence, memory_order_relaxed) == before)
            return true;
    }
    return false;
}
