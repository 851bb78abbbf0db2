;;; ob-pen-header-test.el --- Header arguments complete and lint -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pcomplete)
(require 'org)
(require 'org-lint)
(require 'ob-pen)

(defmacro ob-pen-header-test-in (text &rest body)
  "Run BODY in an org buffer with TEXT, point at its beginning."
  (declare (indent 1) (debug t))
  `(with-temp-buffer
     (let ((org-inhibit-startup t))
       (delay-mode-hooks (org-mode)))
     (insert ,text)
     (goto-char (point-min))
     ,@body))

(ert-deftest ob-pen-header-test-headers-complete-and-lint ()
  (ob-pen-header-test-in
      (concat "#+begin_src pen :prompt old :async :action compare :models \"a b\" :n-epochs 2 :wait yes\n"
              "hello\n#+end_src\n")
    (should-not (seq-filter (lambda (report)
                              (and (string-match-p "header" report)
                                   ;; what org 9.7 says of each bare one, and only in passing
                                   (not (string-match-p "Empty value.*:async" report))))
                            (mapcar (lambda (report) (format "%S" (aref (cadr report) 2)))
                                    (org-lint))))
    (goto-char (point-min))
    (search-forward " :prompt")
    (insert " :modle x")
    (should (string-match-p "modle" (format "%S" (org-lint))))
    (goto-char (point-min))
    (end-of-line)
    (insert " :learning-rate-m")
    (let ((completion-at-point-functions '(pcomplete-completions-at-point)))
      (completion-at-point))
    (should (looking-back ":learning-rate-multiplier ?" (line-beginning-position)))))

(ert-deftest ob-pen-header-test-every-argument-completes ()
  (ob-pen-header-test-in "#+begin_src pen :\n#+end_src\n"
    (end-of-line)
    (let ((names (mapcar #'string-trim
                         (all-completions ":" (nth 2 (pcomplete-completions-at-point))))))
      (dolist (key (append '(:var :file :session :results :cache)
                           (mapcar #'car pen-block-arguments)))
        (should (member (symbol-name key) names))))))

(ert-deftest ob-pen-header-test-every-argument-lints-wherever-it-stands ()
  (cl-flet ((said (text)
              (ob-pen-header-test-in text
                (mapcar (lambda (report) (aref (cadr report) 2)) (org-lint)))))
    (dolist (place '("#+begin_src pen %s\nx\n#+end_src\n" "#+header: %s\n#+begin_src pen\nx\n#+end_src\n"
                     "#+PROPERTY: header-args:pen %s\n" "a src_pen[%s]{x} b\n"
                     "* A\n:PROPERTIES:\n:header-args:pen: %s\n:END:\n"))
      (should-not (said (format place (mapconcat (lambda (argument)
                                                   (format "%s %s" (car argument)
                                                           (pcase (cadr argument)
                                                             ('boolean "yes")
                                                             ((and (pred consp) choices)
                                                              (car (last choices)))
                                                             (_ "1"))))
                                                 pen-block-arguments " ")))))
    (dolist (argument pen-block-arguments)
      (when (consp (cadr argument))
        (should (string-match-p "Unknown value"
                                (car (said (format "#+begin_src pen %s fly\nx\n#+end_src\n"
                                                   (car argument))))))))))

(ert-deftest ob-pen-header-test-org-knows-every-argument-and-takes-pen-mode-for-no-major-mode ()
  (should (equal (assq 'action org-babel-header-args:pen)
                 '(action (complete dataset finetune compare))))
  (should-not (assq 'results org-babel-header-args:pen))
  (require 'org-src)
  (should (eq (org-src-get-lang-mode "pen") 'text-mode)))

(provide 'ob-pen-header-test)
;;; ob-pen-header-test.el ends here
