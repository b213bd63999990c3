import type { Catalogue } from './catalogue.js';

/** Arabic. */
export const ar: Catalogue = {
  'duration.days': '{count, plural, one {يوم واحد} two {يومين} few {# أيام} many {# يومًا} other {# يوم}}',
  'duration.hours': '{count, plural, one {ساعة واحدة} two {ساعتين} few {# ساعات} many {# ساعة} other {# ساعة}}',
  'duration.minutes': '{count, plural, one {دقيقة واحدة} two {دقيقتين} few {# دقائق} many {# دقيقة} other {# دقيقة}}',
  'duration.seconds': '{count, plural, one {ثانية واحدة} two {ثانيتين} few {# ثوانٍ} many {# ثانية} other {# ثانية}}',

  'page.languages': 'اللغة',
  'page.support': 'المساعدة',
  'page.email': 'البريد الإلكتروني',
  'page.password': 'كلمة المرور',
  'page.showPassword': 'إظهار كلمة المرور',

  'ways.goOn': 'متابعة',
  'ways.signIn': 'تسجيل الدخول',
  'ways.back': 'العودة إلى تسجيل الدخول',
  'ways.newLink': 'طلب رابط جديد',

  'wayf.title': 'من أي مؤسسة أنت؟',
  'wayf.for': 'ستسجّل الدخول لدى {service} ثم تعود إلى {site}.',
  'wayf.institution': 'مؤسستك',
  'wayf.search': 'بحث',
  'wayf.count':
    '{count, plural, =0 {لم يُعثر على أي مؤسسة} one {مؤسسة واحدة} two {مؤسستان} few {# مؤسسات} many {# مؤسسة} other {# مؤسسة}}',
  'wayf.first': 'أول {count, plural, few {# مؤسسات} other {# مؤسسة}}',
  'wayf.narrow': 'اكتب المزيد من الاسم لتضييق البحث.',
  'wayf.nothing': 'لا توجد مؤسسة بهذا الاسم.',
  'wayf.without': 'تسجيل الدخول من دون مؤسسة',
  'wayf.expired': 'انتهت صلاحية هذه الصفحة. ارجع إلى الموقع الذي أتيت منه.',
  'wayf.absent': 'هذه المؤسسة غير متاحة. ارجع واختر مؤسسة أخرى.',

  'signIn.title': 'تسجيل الدخول',
  'signIn.titleFor': 'تسجيل الدخول: {name}',
  'signIn.titleAgain': 'تسجيل الدخول: حاول مرة أخرى',
  'signIn.with': 'بحساب تابع لـ {name}.',
  'signIn.choose': 'اختيار مؤسسة',
  'signIn.chooseAnother': 'اختيار مؤسسة أخرى',
  'signIn.button': 'تسجيل الدخول',
  'signIn.forgot': 'هل نسيت كلمة المرور؟',
  'signIn.wrong': 'البريد الإلكتروني أو كلمة المرور غير صحيحة.',
  'signIn.otherInstitution': 'هذا الحساب لا يتبع {name}.',
  'signIn.unverified': 'أكّد بريدك الإلكتروني أولًا. افتح الرابط الذي أرسلناه إليه.',
  'signIn.passwordExpired': 'كانت كلمة المرور هذه مؤقتة وانتهت صلاحيتها. اطلب رابطًا لاختيار كلمة مرور جديدة.',
  'signIn.otherSite': 'أُرسل هذا النموذج من موقع آخر. أعد تحميل الصفحة وحاول مرة أخرى.',

  'link.needsScript': 'تحتاج هذه الصفحة إلى JavaScript لقراءة الرابط من رسالتك.',
  'link.incomplete': 'هذا الرابط غير كامل. افتح الرابط من الرسالة مرة أخرى.',
  'link.used': 'استُخدم هذا الرابط من قبل أو انتهت صلاحيته.',
  'link.unreachable': 'تعذّر الوصول إلى الخادم. حاول مرة أخرى لاحقًا.',

  'ask.reset.title': 'هل نسيت كلمة المرور؟',
  'ask.reset': 'أدخل بريدك الإلكتروني وسنرسل إليك رابطًا لاختيار كلمة مرور جديدة.',
  'ask.invitation.title': 'طلب دعوة جديدة',
  'ask.invitation': 'أدخل البريد الإلكتروني الذي وصلتك الدعوة عليه وسنرسل إليك رابطًا لاختيار كلمة مرور.',
  'ask.verification.title': 'طلب رابط جديد لتأكيد بريدك الإلكتروني',
  'ask.verification': 'أدخل البريد الإلكتروني الذي تريد تأكيده وسنرسل إليك رابطًا.',
  'ask.button': 'إرسال الرابط',
  'ask.badEmail': 'أدخل بريدًا إلكترونيًا، مثل jane@example.org.',
  'ask.sent.title': 'تحقق من صندوق بريدك',
  'ask.sent': 'إذا كان {email} معروفًا لدينا فقد أرسلنا إليه رابطًا. يمكن استخدامه مرة واحدة خلال {lifetime}.',
  'ask.sent.hint':
    'لم يصل شيء بعد بضع دقائق؟ ابحث في مجلد الرسائل غير المرغوب فيها، وتأكد من كتابة عنوانك بشكل صحيح. نرسل رابطًا واحدًا في الدقيقة على الأكثر.',
  'ask.sent.other': 'استخدام عنوان آخر',

  'password.tooShort':
    'يجب ألا تقل كلمة المرور عن {count, plural, one {حرف واحد} two {حرفين} few {# أحرف} many {# حرفًا} other {# حرف}}.',
  'password.tooLong':
    'يجب ألا تزيد كلمة المرور على {count, plural, one {حرف واحد} two {حرفين} few {# أحرف} many {# حرفًا} other {# حرف}}.',
  'password.control': 'يجب ألا تحتوي كلمة المرور على أحرف تحكم، مثل علامات الجدولة وفواصل الأسطر.',
  'password.tooCommon':
    'كلمة المرور هذه من أكثر الكلمات شيوعًا وأول ما يُخمَّن. اختر غيرها، مثل بضع كلمات لا علاقة لبعضها ببعض.',
  'password.tooClose':
    'كلمة المرور هذه تكاد تكون بريدك أو اسمك أو اسم هذه الخدمة. اختر غيرها، مثل بضع كلمات لا علاقة لبعضها ببعض.',
  'password.stillInitial': 'يجب ألا تكون كلمة المرور هي التي أُعطيت لك.',
  'password.notTheOne': 'ليست هذه كلمة المرور التي سجّلت بها.',

  'invitation.title': 'مرحبًا بك: اختر كلمة مرور',

  'reset.title': 'اختر كلمة مرور جديدة',
  'reset.password': 'كلمة المرور الجديدة',
  'reset.hint': 'على الأقل {count, plural, one {حرف واحد} two {حرفان} few {# أحرف} many {# حرفًا} other {# حرف}}.',
  'reset.button': 'حفظ',
  'reset.done': 'تم تغيير كلمة المرور. يمكنك الآن تسجيل الدخول بها.',
  'reset.used': 'استُخدم هذا الرابط من قبل أو انتهت صلاحيته. اطلب رابطًا جديدًا.',

  'verify.title': 'أكّد بريدك الإلكتروني',
  'verify.hint': 'أدخل كلمة المرور التي سجّلت بها، أو كلمة مرور حسابك، لتأكيد أن هذا البريد لك.',
  'verify.button': 'تأكيد البريد',
  'verify.done': 'تم تأكيد بريدك الإلكتروني. يمكنك الآن تسجيل الدخول.',

  'undo.title': 'التراجع عن تغيير البريد الإلكتروني',
  'undo.hint': 'سيعاد بريدك السابق، ويُسجَّل خروج الجميع من حسابك، وتُحذف كلمة مروره. ستصلك رسالة لاختيار كلمة مرور جديدة.',
  'undo.button': 'التراجع عن التغيير',
  'undo.done': 'أُعيد بريدك السابق وسُجِّل خروج الجميع. ستصلك رسالة لاختيار كلمة مرور جديدة.',

  'error.badRequest.title': 'لم ينجح ذلك',
  'error.badRequest': 'تعذّر فهم الطلب. ارجع وحاول مرة أخرى.',
  'error.expired.title': 'انتهت صلاحية هذه الصفحة',
  'error.forbidden.title': 'هذا غير مسموح هنا',
  'error.forbidden': 'ليس لديك إذن للقيام بذلك.',
  'error.internal.title': 'حدث خطأ ما',
  'error.internal': 'حدث خطأ داخلي وليس بسببك. حاول مرة أخرى لاحقًا.',
  'error.internal.request': 'الطلب {id}',
  'error.notFound.title': 'لم نعثر على هذه الصفحة',
  'error.notFound': 'تحقق من العنوان، أو ارجع إلى الموقع الذي أتيت منه.',
  'error.rateLimited.title': 'انتظر لحظة من فضلك',
  'error.rateLimited': 'محاولات كثيرة جدًا. حاول مرة أخرى بعد {wait}.',
  'error.tooMany': 'محاولات كثيرة جدًا. حاول مرة أخرى لاحقًا.',
  'error.locked': 'محاولات تسجيل دخول فاشلة كثيرة جدًا. سجّل الدخول من مكان سبق أن سجّلت منه، أو أعد تعيين كلمة المرور.',
  'error.unavailable.title': 'سنعود بعد قليل',
  'error.unavailable': 'الخدمة غير متاحة مؤقتًا. حاول مرة أخرى لاحقًا.',
};
