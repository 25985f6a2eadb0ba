"""Which standard header a name of namespace std is from, for the names that the project uses."""

# A name that several headers declare has them all, and any of them will do.
NAMES_OF = {
    "algorithm": """adjacent_find all_of any_of binary_search clamp copy copy_backward copy_n count
        count_if equal fill fill_n find find_if generate inplace_merge is_sorted lower_bound make_heap
        max max_element merge min min_element minmax mismatch none_of nth_element partial_sort
        partition pop_heap push_heap remove remove_if replace reverse rotate set_difference
        set_intersection set_union shuffle sort stable_partition stable_sort transform unique
        upper_bound""",
    "any": "any any_cast",
    "array": "array",
    "atomic": """atomic atomic_flag memory_order_acq_rel memory_order_acquire memory_order_relaxed
        memory_order_release memory_order_seq_cst""",
    "bit": """bit_cast bit_ceil bit_width countl_zero countr_zero endian has_single_bit popcount
        rotl""",
    "charconv": "chars_format from_chars to_chars",
    "chrono": "chrono chrono_literals",
    "cmath": "abs ceil exp floor isfinite isnan log pow round sqrt",
    "compare": "strong_ordering weak_ordering partial_ordering",
    "concepts": "convertible_to derived_from integral invocable same_as",
    "condition_variable": "condition_variable condition_variable_any cv_status",
    "csignal": "raise signal",
    "cstddef": "byte max_align_t nullptr_t ptrdiff_t size_t to_integer",
    "cstdint": """int16_t int32_t int64_t int8_t intptr_t uint16_t uint32_t uint64_t uint8_t
        uintptr_t""",
    "cstdio": """fclose fflush fgets fopen fprintf fputs fread fscanf fwrite perror printf puts remove
        rename snprintf FILE""",
    "cstdlib": """_Exit abort abs aligned_alloc atexit atof atoi atoll calloc exit free getenv malloc
        quick_exit realloc strtod strtol strtoll strtoul strtoull system""",
    "cstring": """memchr memcmp memcpy memmove memset strchr strcmp strerror strlen strncmp strrchr
        strstr""",
    "ctime": "gmtime localtime mktime strftime time_t tm",
    "deque": "deque",
    "exception": "exception exception_ptr current_exception rethrow_exception terminate",
    "filesystem": "filesystem",
    "fstream": "fstream ifstream ofstream",
    "functional": "equal_to function greater hash invoke less not_fn plus ref",
    "future": "async future future_status launch packaged_task promise shared_future",
    "initializer_list": "initializer_list",
    "iomanip": "put_time quoted setfill setprecision setw",
    "ios": "dec hex ios ios_base oct streamsize",
    "iostream": "cerr cin cout",
    "istream": "istream ws",
    "iterator": """advance back_inserter begin data distance empty end forward_iterator_tag
        input_iterator_tag inserter istream_iterator istreambuf_iterator make_move_iterator
        make_reverse_iterator move_iterator next ostream_iterator prev rbegin rend reverse_iterator
        size""",
    "limits": "numeric_limits",
    "list": "list",
    "map": "map multimap",
    "memory": """addressof allocator allocator_traits construct_at const_pointer_cast
        default_delete destroy_at dynamic_pointer_cast enable_shared_from_this make_shared
        make_unique owner_less shared_ptr static_pointer_cast unique_ptr weak_ptr""",
    "memory_resource": "pmr",
    "mutex": """adopt_lock call_once defer_lock lock_guard mutex once_flag recursive_mutex scoped_lock
        try_to_lock unique_lock""",
    "new": "align_val_t bad_alloc launder nothrow set_new_handler",
    "numbers": "numbers",
    "numeric": "accumulate gcd iota lcm",
    "optional": "bad_optional_access nullopt optional",
    "ostream": "endl flush ostream",
    "queue": "priority_queue queue",
    "random": """bernoulli_distribution discrete_distribution exponential_distribution
        generate_canonical minstd_rand mt19937 mt19937_64 normal_distribution random_device seed_seq
        uniform_int_distribution uniform_real_distribution""",
    "ranges": "ranges views",
    "regex": "regex regex_match regex_replace regex_search smatch",
    "set": "multiset set",
    "shared_mutex": "shared_lock shared_mutex",
    "span": "as_bytes as_writable_bytes dynamic_extent span",
    "sstream": "istringstream ostringstream stringstream",
    "stdexcept": """domain_error invalid_argument length_error logic_error out_of_range
        overflow_error range_error runtime_error""",
    "stop_token": "stop_callback stop_source stop_token",
    "streambuf": "streambuf",
    "string": """basic_string char_traits getline stod stof stoi stol stoll stoul stoull string
        to_string""",
    "string_view": "basic_string_view string_view",
    "system_error": """errc error_category error_code error_condition generic_category
        make_error_code system_category system_error""",
    "thread": "jthread this_thread thread",
    "tuple": "apply forward_as_tuple ignore make_tuple tie tuple tuple_cat",
    "type_traits": """add_const_t bool_constant common_type_t conditional_t decay_t enable_if_t
        false_type integral_constant invoke_result_t is_arithmetic_v is_base_of_v is_class_v
        is_const_v is_constructible_v is_convertible_v is_default_constructible_v is_empty_v is_enum_v
        is_floating_point_v is_integral_v is_invocable_r_v is_invocable_v
        is_nothrow_invocable_v is_nothrow_move_assignable_v is_nothrow_move_constructible_v
        is_pointer_v is_reference_v is_same is_same_v is_signed_v is_standard_layout_v
        is_trivially_copyable_v is_trivially_destructible_v is_union_v is_unsigned_v is_void_v
        make_signed_t make_unsigned_t remove_const_t remove_cv_t remove_cvref_t remove_pointer_t
        remove_reference_t true_type type_identity type_identity_t underlying_type underlying_type_t
        void_t""",
    "unordered_map": "unordered_map",
    "unordered_set": "unordered_set",
    "utility": """as_const cmp_less declval exchange forward get in_place in_place_index in_place_t
        in_place_type index_sequence integer_sequence make_index_sequence make_pair move
        move_if_noexcept pair piecewise_construct swap to_underlying unreachable""",
    "variant": """bad_variant_access get_if holds_alternative in_place_index in_place_type monostate
        variant variant_alternative_t variant_size_v visit""",
    "vector": "vector",
}

# Names that every container's header declares, too, and headers that bring all of another.
ALSO = {
    "begin": "array deque list map set span string string_view vector",
    "end": "array deque list map set span string string_view vector",
    "size": "array deque list map set span string string_view vector",
    "ssize": "array deque list map set span string string_view vector",
    "data": "array deque list map set span string string_view vector",
    "erase": "deque list string vector",
    "erase_if": "deque list map set string unordered_map unordered_set vector",
    "get": "array tuple variant",
    "hash": "memory optional string string_view system_error thread variant vector",
    "flush": "iostream",
    "endl": "iostream",
    "istream": "iostream fstream sstream",
    "ostream": "iostream fstream sstream",
    "ws": "iostream",
    "ios": "iostream istream ostream fstream sstream iomanip",
    "ios_base": "iostream istream ostream fstream sstream",
    "hex": "iostream istream ostream sstream iomanip",
    "dec": "iostream istream ostream sstream iomanip",
    "oct": "iostream istream ostream sstream iomanip",
    "streamsize": "iostream istream ostream streambuf",
    "errc": "charconv",
    "swap": "memory",
    "unique_lock": "shared_mutex condition_variable",
    "in_place": "optional any",
    "remove": "string",
    "move": "algorithm",
    "size_t": "cstdio cstdlib cstring ctime",
    "initializer_list": "vector string map set",
}


def headers_of():
    """name: the headers that declare it."""
    found = {}
    for header, names in NAMES_OF.items():
        for name in names.split():
            found.setdefault(name, set()).add(header)
    for name, headers in ALSO.items():
        found.setdefault(name, set()).update(headers.split())
    return found
