use super::*;

fn registry(harbor: u8) -> Registry {
    Registry::new(HarborId::Fixed(harbor)).expect("memory")
}

fn end(registry: &Registry, service: &'static Service) {
    assert!(registry.remove(service, service.handle()));
    drop(service.mailbox().close());
    service.finish();
    registry.recycle(service);
}

#[test]
fn ids_grow_and_are_found_until_removed() {
    let registry = registry(0);
    let services: Vec<_> = (0..2000).map(|_| registry.insert(0).unwrap()).collect();
    for (index, service) in services.iter().enumerate() {
        let handle = index as u32 + 1;
        assert_eq!(service.handle(), handle);
        assert_eq!(registry.find(handle).unwrap().context(), service.context());
        assert!(ptr::eq(&*registry.visit(handle).unwrap(), *service));
    }
    let third = services[2];
    end(&registry, third);
    assert!(registry.find(3).is_none());
    assert!(registry.visit(3).is_none());
    assert!(!registry.remove(third, 3));
    // The slot is used again, under a new handle.
    let next = registry.insert(0).unwrap();
    assert_eq!(next.handle(), 2001);
    assert!(ptr::eq(next, third));
    assert_eq!(registry.live(), 2000);
    let handles: Vec<_> = registry.services().iter().map(Service::handle).collect();
    assert!(handles.is_sorted());
    assert_eq!(handles.len(), 2000);
}

#[test]
fn handles_carry_the_harbor() {
    let registry = registry(7);
    let service = registry.insert(0).unwrap();
    let handle = service.handle();
    assert_eq!(handle >> 24, 7);
    assert!(registry.is_local(handle));
    assert!(!registry.is_local(0x0800_0001));
    assert!(registry.find(handle & ID_MASK | 0x0800_0000).is_none());
}

#[test]
fn ids_wrap_and_skip_those_in_use() {
    let registry = registry(0);
    let first = registry.insert(0).unwrap();
    registry.lock().ids.next = ID_MASK;
    assert_eq!(registry.insert(0).unwrap().handle(), ID_MASK);
    assert_eq!(registry.insert(0).unwrap().handle(), first.handle() + 1);
}

#[test]
fn a_slot_is_used_again_at_once() {
    let registry = registry(0);
    let resident = registry.insert(0).unwrap();
    let second = registry.insert(0).unwrap();
    end(&registry, second);
    for _ in 0..2000 {
        let service = registry.insert(0).unwrap();
        assert!(ptr::eq(service, second));
        end(&registry, service);
    }
    assert_eq!(registry.lock().slots.chunks(), (1, 0));
    assert_eq!(registry.find(1).unwrap().context(), resident.context());
}

/// Chunks of `count` services.
fn chunks(count: usize) -> usize {
    count.div_ceil(64)
}

#[cfg(all(target_os = "linux", not(miri)))]
mod memory {
    use super::*;

    const PEAK: usize = 100_000;

    /// Physical memory of the range in bytes.
    fn resident<T>(range: &[T]) -> usize {
        let page = 4096;
        let start = range.as_ptr().addr() / page * page;
        let bytes = size_of_val(range).next_multiple_of(page);
        let mut pages = vec![0_u8; bytes / page];
        #[allow(unsafe_code)]
        // SAFETY: the range is mapped, and there is one byte for each of its pages.
        let status = unsafe {
            libc::mincore(
                std::ptr::with_exposed_provenance_mut(start),
                bytes,
                pages.as_mut_ptr(),
            )
        };
        assert_eq!(status, 0, "{}", std::io::Error::last_os_error());
        pages.iter().filter(|&&page| page & 1 != 0).count() * page
    }

    fn slots_resident(registry: &Registry) -> usize {
        let segments = registry.lock().slots.segments().to_vec();
        segments.into_iter().map(resident).sum()
    }

    #[test]
    fn the_memory_of_a_peak_is_given_back() {
        let registry = registry(0);
        let resident_service = registry.insert(0).unwrap();
        let services: Vec<_> = (0..PEAK).map(|_| registry.insert(0).unwrap()).collect();
        assert_eq!(registry.lock().slots.chunks(), (chunks(PEAK + 1), 0));
        let peak = slots_resident(&registry);
        assert!(peak >= PEAK * size_of::<Service>(), "{peak}");
        let peak_of_ids = resident(registry.table);
        assert!(peak_of_ids >= PEAK * 8, "{peak_of_ids}");
        // Not in the order in which they came.
        let (even, odd): (Vec<_>, Vec<_>) = services
            .into_iter()
            .partition(|service| service.handle() % 2 == 0);
        even.into_iter().for_each(|service| end(&registry, service));
        assert!(slots_resident(&registry) >= PEAK * size_of::<Service>());
        odd.into_iter()
            .rev()
            .for_each(|service| end(&registry, service));
        registry.tidy();
        let (held, empties) = registry.lock().slots.chunks();
        assert_eq!((held, empties), (65, 64));
        let left = slots_resident(&registry);
        assert!(left <= 65 * 64 * size_of::<Service>(), "{left}");
        let left_of_ids = resident(registry.table);
        assert!(left_of_ids <= 65 * 4096, "{left_of_ids}");
        assert!(registry.find(1).unwrap().is(resident_service.context()));
        // And they live again.
        for _ in 0..PEAK {
            let service = registry.insert(0).unwrap();
            assert!(!service.is_ending());
            assert!(service.shared().command.is_empty());
            end(&registry, service);
        }
    }

    #[test]
    fn nothing_is_given_back_while_somebody_visits() {
        let registry = registry(0);
        let services: Vec<_> = (0..PEAK).map(|_| registry.insert(0).unwrap()).collect();
        let visit = registry.visit(77).unwrap();
        services
            .into_iter()
            .for_each(|service| end(&registry, service));
        registry.tidy();
        assert_eq!(registry.lock().slots.chunks(), (chunks(PEAK), chunks(PEAK)));
        assert!(
            !visit.set_ending(visit.context(), crate::service::Ending::default())
                || visit.handle() == 0
        );
        drop(visit);
        registry.tidy();
        assert_eq!(registry.lock().slots.chunks(), (64, 64));
    }

    #[test]
    fn services_that_come_and_go_ask_the_system_for_nothing() {
        let registry = registry(0);
        for _ in 0..3 {
            let services: Vec<_> = (0..4096).map(|_| registry.insert(0).unwrap()).collect();
            services
                .into_iter()
                .for_each(|service| end(&registry, service));
            assert_eq!(registry.lock().slots.chunks(), (64, 64));
        }
    }
}
