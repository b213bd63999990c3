import type { Catalogue } from './catalogue.js';

/** Japanese. */
export const ja: Catalogue = {
  'duration.days': '{count, plural, other {#日}}',
  'duration.hours': '{count, plural, other {#時間}}',
  'duration.minutes': '{count, plural, other {#分}}',
  'duration.seconds': '{count, plural, other {#秒}}',

  'page.languages': '言語',
  'page.support': 'ヘルプ',
  'page.email': 'メールアドレス',
  'page.password': 'パスワード',
  'page.showPassword': 'パスワードを表示する',

  'ways.goOn': '続ける',
  'ways.signIn': 'ログイン',
  'ways.back': 'ログインに戻る',
  'ways.newLink': '新しいリンクを受け取る',

  'wayf.title': '所属機関を選んでください',
  'wayf.for': '{service} にログインした後、{site} に戻ります。',
  'wayf.institution': '所属機関',
  'wayf.search': '検索',
  'wayf.count': '{count, plural, =0 {機関は見つかりませんでした} other {#件の機関}}',
  'wayf.first': '最初の{count, plural, other {#件の機関}}',
  'wayf.narrow': '名前をもっと入力すると絞り込めます。',
  'wayf.nothing': 'この名前に一致する機関はありません。',
  'wayf.similar': 'この名前の機関はありません。似た名前の機関:',
  'wayf.byNetwork':
    'リンクのない機関では、ここからログインできません。機関のネットワークから利用できる場合は、そのネットワークに接続してページを開き直してください。',
  'wayf.without': '機関を選ばずにログインする',
  'wayf.expired': 'このページの有効期限が切れました。元のサイトに戻ってください。',
  'wayf.absent': 'この機関は利用できません。戻って別の機関を選んでください。',

  'signIn.title': 'ログイン',
  'signIn.titleFor': 'ログイン: {name}',
  'signIn.titleAgain': 'ログイン: もう一度お試しください',
  'signIn.with': '{name} のアカウントを使います。',
  'signIn.choose': '機関を選ぶ',
  'signIn.chooseAnother': '別の機関を選ぶ',
  'signIn.button': 'ログイン',
  'signIn.forgot': 'パスワードをお忘れですか?',
  'signIn.wrong': 'メールアドレスまたはパスワードが正しくありません。',
  'signIn.otherInstitution': 'このアカウントは {name} のものではありません。',
  'signIn.unverified': '先にメールアドレスを確認してください。お送りしたリンクを開いてください。',
  'signIn.passwordExpired':
    'この初期パスワードは有効期限が切れました。新しいパスワードを決めるためのリンクを請求してください。',
  'signIn.otherSite': 'このフォームは別のサイトから送信されました。ページを再読み込みして、もう一度お試しください。',

  'link.needsScript': 'メールのリンクを読み取るには JavaScript が必要です。',
  'link.incomplete': 'このリンクは不完全です。メールのリンクをもう一度開いてください。',
  'link.used': 'このリンクは使用済みか、有効期限が切れています。',
  'link.unreachable': 'サーバーに接続できません。後でもう一度お試しください。',

  'ask.reset.title': 'パスワードをお忘れですか?',
  'ask.reset': 'メールアドレスを入力してください。新しいパスワードを決めるためのリンクをお送りします。',
  'ask.invitation.title': '新しい招待を受け取る',
  'ask.invitation': '招待を受け取ったメールアドレスを入力してください。パスワードを決めるためのリンクをお送りします。',
  'ask.verification.title': 'メールアドレスを確認する新しいリンクを受け取る',
  'ask.verification': '確認するメールアドレスを入力してください。リンクをお送りします。',
  'ask.button': 'リンクを送る',
  'ask.badEmail': 'メールアドレスを入力してください (例: jane@example.org)。',
  'ask.sent.title': 'メールをご確認ください',
  'ask.sent': '{email} が登録されていれば、リンクをお送りしました。リンクは {lifetime}以内に一度だけ使えます。',
  'ask.sent.hint':
    '数分たっても届かない場合は、迷惑メールフォルダーと、入力したアドレスに誤りがないかをご確認ください。リンクは1分に1通までお送りします。',
  'ask.sent.other': '別のメールアドレスを使う',

  'password.tooShort': 'パスワードは{count, plural, other {#文字}}以上にしてください。',
  'password.tooLong': 'パスワードは{count, plural, other {#文字}}以下にしてください。',
  'password.control': 'パスワードにタブや改行などの制御文字は使えません。',
  'password.tooCommon':
    'このパスワードはよく使われているため、最初に推測されます。互いに関係のない単語を並べるなど、別のものにしてください。',
  'password.tooClose':
    'このパスワードは、あなたのメールアドレスや名前、このサービスの名前とほとんど同じです。互いに関係のない単語を並べるなど、別のものにしてください。',
  'password.stillInitial': '渡されたパスワードをそのまま使うことはできません。',
  'password.notTheOne': '登録時のパスワードと一致しません。',

  'invitation.title': 'ようこそ。パスワードを決めてください',

  'reset.title': '新しいパスワードを決めてください',
  'reset.password': '新しいパスワード',
  'reset.hint': '{count, plural, other {#文字}}以上。',
  'reset.button': '保存',
  'reset.done': 'パスワードを変更しました。新しいパスワードでログインできます。',
  'reset.used': 'このリンクは使用済みか、有効期限が切れています。新しいリンクを請求してください。',

  'verify.title': 'メールアドレスを確認してください',
  'verify.hint':
    'このメールアドレスがあなたのものであることを確認するため、登録時のパスワードまたはアカウントのパスワードを入力してください。',
  'verify.button': 'メールアドレスを確認する',
  'verify.done': 'メールアドレスを確認しました。ログインできます。',

  'undo.title': 'メールアドレスの変更を取り消す',
  'undo.hint':
    '以前のメールアドレスに戻し、アカウントのすべてのログインを終了し、パスワードを削除します。新しいパスワードを決めるためのメールが届きます。',
  'undo.button': '変更を取り消す',
  'undo.done':
    'メールアドレスを元に戻し、すべてのログインを終了しました。新しいパスワードを決めるためのメールが届きます。',

  'error.badRequest.title': 'うまくいきませんでした',
  'error.badRequest': '要求を理解できませんでした。戻ってもう一度お試しください。',
  'error.expired.title': 'このページの有効期限が切れました',
  'error.forbidden.title': 'ここでは許可されていません',
  'error.forbidden': 'この操作を行う権限がありません。',
  'error.internal.title': '問題が発生しました',
  'error.internal': '内部エラーが発生しました。あなたのせいではありません。後でもう一度お試しください。',
  'error.internal.request': '要求 {id}',
  'error.notFound.title': 'このページは見つかりません',
  'error.notFound': 'アドレスを確認するか、元のサイトに戻ってください。',
  'error.rateLimited.title': '少々お待ちください',
  'error.rateLimited': '試行回数が多すぎます。{wait}後にもう一度お試しください。',
  'error.tooMany': '試行回数が多すぎます。後でもう一度お試しください。',
  'error.locked':
    'ログインの失敗が多すぎます。以前ログインした場所からログインするか、パスワードを再設定してください。',
  'error.unavailable.title': 'まもなく再開します',
  'error.unavailable': 'サービスは一時的に利用できません。後でもう一度お試しください。',
};
