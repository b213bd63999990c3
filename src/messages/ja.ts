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
  'ways.openForm': 'フォームを開く',

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
  'wayf.last': '前回のサインイン先：',
  'wayf.forget': 'この選択を消去',
  'wayf.expired': 'このページの有効期限が切れました。元のサイトに戻ってください。',
  'wayf.absent': 'この機関は利用できません。戻って別の機関を選んでください。',

  'signIn.title': 'ログイン',
  'signIn.titleFor': 'ログイン: {name}',
  'signIn.titleAgain': 'ログイン: もう一度お試しください',
  'signIn.with': '{name} のアカウントを使います。',
  'signIn.choose': '機関を選ぶ',
  'signIn.chooseAnother': '別の機関を選ぶ',
  'signIn.remember': 'この機関をこのブラウザーに記憶する',
  'signIn.button': 'ログイン',
  'signIn.forgot': 'パスワードをお忘れですか?',
  'signIn.wrong': 'メールアドレスまたはパスワードが正しくありません。',
  'signIn.otherInstitution': 'このアカウントは {name} のものではありません。',
  'signIn.unverified': '先にメールアドレスを確認してください。お送りしたリンクを開いてください。',
  'signIn.passwordExpired':
    'この初期パスワードは有効期限が切れました。新しいパスワードを決めるためのリンクを請求してください。',
  'signIn.otherSite': 'このフォームは別のサイトから送信されました。ここで開いて、もう一度入力してください。',

  'root.text':
    '{service} のサインインとプログラムからの接続を受け付ける場所です。リンクからここに来た場合は、元のサイトにお戻りください。',
  'root.docs': 'API ドキュメント',
  'root.ready': 'サービスの稼働状況',

  'link.needsScript': 'メールのリンクを読み取るには JavaScript が必要です。',
  'link.incomplete': 'このリンクは不完全です。メールのリンクをもう一度開いてください。',
  'link.used': 'このリンクは使用済みか、有効期限が切れています。',
  'link.perhapsDone':
    'このリンクは使用済みか、有効期限が切れています。先ほどの送信には応答がありませんでしたが、成功している可能性があります。まずご確認ください。',
  'link.unreachable': 'サーバーに接続できません。後でもう一度お試しください。',
  'link.taken': 'このメールアドレスのアカウントはすでに存在します。',
  'link.invited':
    'このメールアドレスには招待があります。もう一度お送りしましたので、開いてパスワードを決めてください。',
  'link.signUpClosed': '新規登録は受け付けていません。管理者にアカウントを依頼してください。',

  'ask.reset.title': 'パスワードをお忘れですか?',
  'ask.reset': 'メールアドレスを入力してください。新しいパスワードを決めるためのリンクをお送りします。',
  'ask.invitation.title': '新しい招待を受け取る',
  'ask.invitation': '招待を受け取ったメールアドレスを入力してください。パスワードを決めるためのリンクをお送りします。',
  'ask.verification.title': 'メールアドレスを確認する新しいリンクを受け取る',
  'ask.verification': '確認するメールアドレスを入力してください。リンクをお送りします。',
  'ask.button': 'リンクを送る',
  'ask.badEmail': 'メールアドレスを入力してください (例: jane@example.org)。',
  'ask.sent.title': 'メールをご確認ください',
  'ask.sent':
    '入力されたメールアドレスが登録されていれば、リンクをお送りしました。リンクは {lifetime}以内に一度だけ使えます。',
  'ask.sent.claim':
    '入力されたメールアドレスが登録されていれば、リンクをお送りしました。リンクはメールに記載された期間内に一度だけ使えます。',
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
  'password.refused': 'このパスワードは使えません。別のものを入力してください。',
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

  'mail.help': 'ヘルプ: {address}',
  'mail.when': '日時: {time}',
  'mail.from': '送信元: {origin}',
  'mail.reset.subject': '{service} の新しいパスワードを決めてください',
  'mail.reset.text': '{service} の {email} について、パスワード再設定の依頼がありました。',
  'mail.reset.link': '{lifetime}以内にこのリンクを開き、新しいパスワードを決めてください:',
  'mail.reset.button': '新しいパスワードを決める',
  'mail.reset.ignore': 'お心当たりがない場合は、このメールを無視してください。パスワードは変わっていません。',
  'mail.invitation.subject': '{service} への招待',
  'mail.invitation.text': '{service} に {email} のアカウントが作成されました。',
  'mail.invitation.by': '招待者: {name}',
  'mail.invitation.link': '{lifetime}以内にこのリンクを開き、パスワードを決めてください:',
  'mail.invitation.button': 'パスワードを決める',
  'mail.invitation.ignore':
    '招待にお心当たりがない場合は、このメールを無視してください。パスワードがなければ誰もログインできません。',
  'mail.verify.subject': '{service} のメールアドレスを確認してください',
  'mail.verify.text': '{service} のアカウントがメールアドレス {email} で作成されたか、このアドレスに変更されました。',
  'mail.verify.link': 'ご本人の場合は、{lifetime}以内にこのリンクを開いてメールアドレスを確認してください:',
  'mail.verify.button': 'メールアドレスを確認する',
  'mail.verify.ignore': 'お心当たりがない場合は、このメールを無視してください。',
  'mail.signUp.text': '{service} でメールアドレス {email} を使ってアカウントが作成されようとしています。',
  'mail.signUp.link': 'ご本人の場合は、{lifetime}以内にこのリンクを開き、登録時のパスワードを入力してください:',
  'mail.signUp.ignore':
    'お心当たりがない場合は、このメールを無視してください。リンクとパスワードがなければアカウントは作成されません。',
  'mail.change.subject': '{service} の新しいメールアドレスを確認してください',
  'mail.change.text': '{service} のアカウントのメールアドレスが {email} に変更されようとしています。',
  'mail.change.link': 'ご本人の場合は、{lifetime}以内にこのリンクを開き、アカウントのパスワードを入力してください:',
  'mail.change.button': 'メールアドレスを確認する',
  'mail.change.ignore':
    'お心当たりがない場合は、このメールを無視してください。リンクとパスワードがなければ何も変わりません。',
  'mail.taken.subject': '{service} のアカウントはすでにあります',
  'mail.taken.text':
    '{service} でメールアドレス {email} のアカウントが申し込まれましたが、すでにアカウントがあります。',
  'mail.taken.signIn':
    'ご本人の場合は、そのアカウントでログインしてください。パスワードをお忘れの場合は、次のページで再設定を依頼してください。',
  'mail.taken.ignore': 'お心当たりがない場合は、このメールを無視してください。何も変わっていません。',
  'mail.moved.subject': '{service} のアカウントのメールアドレスが変更されました',
  'mail.moved.text':
    '{service} のアカウントのメールアドレスが {email} から別のアドレスに変更されました。ご本人による変更の場合は、何もする必要はありません。',
  'mail.moved.link':
    'お心当たりがない場合は、{lifetime}以内にこのリンクを開くと、メールアドレスを元に戻し、すべてのセッションを終了し、新しいパスワードを決められます:',
  'mail.moved.button': '変更を取り消す',
  'mail.moved.gone':
    '{service} のアカウントのメールアドレスが {email} から別のアドレスに変更されました。お心当たりがない場合は、{service} の運営者にご連絡ください。',
  'mail.password.changed': '{service} のパスワードが変更されました',
  'mail.password.removed': '{service} のパスワードが削除されました',
  'mail.password.way.session': '{service} のアカウントのパスワードが、ログイン中の人によって変更されました。',
  'mail.password.way.moved':
    '{service} のアカウントのメールアドレスとパスワードが、ログイン中の人によって変更されました。',
  'mail.password.way.link': '{service} のアカウントのパスワードが、このアドレスに送られたリンクで設定されました。',
  'mail.password.way.admin':
    '管理者が {service} のアカウントのパスワードを削除しました。すべてのセッションが終了しました。',
  'mail.password.way.undo':
    '{service} のアカウントのメールアドレスの変更が、このアドレスに送られたリンクで取り消されました。他の人が知っている可能性があるため、パスワードは削除され、すべてのセッションが終了しました。',
  'mail.password.mine': 'ご本人による操作の場合は、何もする必要はありません。',
  'mail.password.notMine':
    'お心当たりがない場合は、新しいパスワードを決めてください。ログイン画面で再設定のリンクを依頼できます。これにより他の人は全員ログアウトされます。その後、{service} の運営者にご連絡ください。他の人がメールを読んだ可能性がある場合は、メールボックスのパスワードも変更してください。',
  'mail.password.notMineMoved':
    'お心当たりがない場合は、メールアドレスの変更をお知らせしたメールにリンクがあれば、それを開いてください。これにより他の人は全員ログアウトされます。その後、{service} の運営者にご連絡ください。他の人がメールを読んだ可能性がある場合は、メールボックスのパスワードも変更してください。',
  'mail.password.afterAdmin':
    'もう一度ログインするには、新しいパスワードを決めてください。そのためのリンクは次のページで依頼できます。',
  'mail.password.unexpected': 'お心当たりがない場合は、{service} の運営者にご連絡ください。',
  'mail.password.afterUndo':
    'もう一度ログインするには、別のメールでお送りしたリンクで新しいパスワードを決めてください。',
  'mail.password.mailbox':
    'お心当たりがない場合は、{service} の運営者に連絡し、メールボックスのパスワードを変更してください。他の人がメールを読んだ可能性があります。',
};
